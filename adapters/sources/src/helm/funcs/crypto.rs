//! Sprig's hashes, and placeholders for what it draws at random (see the module above).

use super::{Args, Builtin, bounded, f};
use crate::helm::encoding::{self, base64, hex};
use crate::helm::error::Result;
use crate::helm::value::convert::bytes_of;
use crate::helm::value::object::{Field, Object, Struct};
use crate::helm::value::{Data, Value};
use sha2::{Digest, Sha256, Sha512};

pub(super) const TABLE: &[Builtin] = &[
    f("sha256sum", 1, 1, |_, a| {
        Ok(Value::text(hex(&Sha256::digest(&*bytes_of(
            a.text(0)?.as_str(),
        )))))
    }),
    f("sha512sum", 1, 1, |_, a| {
        Ok(Value::text(hex(&Sha512::digest(&*bytes_of(
            a.text(0)?.as_str(),
        )))))
    }),
    f("sha1sum", 1, 1, |_, a| {
        Ok(Value::text(hex(&encoding::sha1(&bytes_of(
            a.text(0)?.as_str(),
        )))))
    }),
    f("adler32sum", 1, 1, |_, a| {
        Ok(Value::text(
            encoding::adler32(&bytes_of(a.text(0)?.as_str())).to_string(),
        ))
    }),
    f("randAlphaNum", 1, 1, |_, a| drawn(a, "Placeh0lder")),
    f("randAlpha", 1, 1, |_, a| drawn(a, "Placeholder")),
    f("randAscii", 1, 1, |_, a| drawn(a, "Placeholder")),
    f("randNumeric", 1, 1, |_, a| drawn(a, "0123456789")),
    f("randBytes", 1, 1, |_, a| {
        let count = bounded(a.int(0)?, 2)?;
        Ok(Value::text(base64(&vec![0; count])))
    }),
    f("uuidv4", 0, 0, |_, _| {
        Ok(Value::text("00000000-0000-4000-8000-000000000000"))
    }),
    f("bcrypt", 1, 1, |_, a| {
        a.text(0)?;
        Ok(Value::text(bcrypt()))
    }),
    f("htpasswd", 2, 2, |_, a| {
        let (user, _) = (a.text(0)?, a.text(1)?);
        if user.as_str().contains(':') {
            return Ok(Value::text(format!("invalid username: {}", user.as_str())));
        }
        Ok(Value::text(format!("{}:{}", user.as_str(), bcrypt())))
    }),
    f("derivePassword", 5, 5, |_, a| {
        let kind = a.text(1)?;
        for index in 2..5 {
            a.text(index)?;
        }
        let length = match kind.as_str() {
            "maximum" => 20,
            "long" => 14,
            "medium" | "basic" => 8,
            "short" | "pin" => 4,
            other => {
                return Ok(Value::text(format!(
                    "cannot find password template {other}"
                )));
            }
        };
        Ok(Value::text(cycle(
            if kind.as_str() == "pin" {
                "0123"
            } else {
                "Placeh0lder"
            },
            length,
        )))
    }),
    f("genPrivateKey", 1, 1, |_, a| {
        let kind = a.text(0)?;
        let label = match kind.as_str() {
            "" | "rsa" => "RSA PRIVATE KEY",
            "dsa" => "DSA PRIVATE KEY",
            "ecdsa" => "EC PRIVATE KEY",
            "ed25519" => "PRIVATE KEY",
            _ => return Ok(Value::text(format!("Unknown type {}", kind.as_str()))),
        };
        Ok(Value::text(pem(label)))
    }),
    f("buildCustomCert", 2, 2, |_, a| {
        let decode = |index| -> Result<String> {
            let bytes = encoding::unbase64(a.text(index)?.as_str());
            let bytes = bytes.map_err(|_| "the certificate is not in Base64")?;
            Ok(crate::helm::value::convert::text_of(&bytes))
        };
        Ok(certificate(decode(0)?, decode(1)?))
    }),
    f("genCA", 2, 2, |_, _| Ok(generated())),
    f("genCAWithKey", 3, 3, |_, _| Ok(generated())),
    f("genSelfSignedCert", 4, 4, |_, _| Ok(generated())),
    f("genSelfSignedCertWithKey", 5, 5, |_, _| Ok(generated())),
    f("genSignedCert", 5, 5, |_, _| Ok(generated())),
    f("genSignedCertWithKey", 6, 6, |_, _| Ok(generated())),
    f("encryptAES", 2, 2, |_, a| {
        a.text(0)?;
        Ok(Value::text(base64(a.text(1)?.as_str().as_bytes())))
    }),
    f("decryptAES", 2, 2, |_, a| {
        a.text(0)?;
        a.text(1)?;
        Ok(Value::text("Placeholder"))
    }),
    f("getHostByName", 1, 1, |_, a| {
        a.text(0)?;
        Ok(Value::text(""))
    }),
];

fn drawn(args: &Args, pattern: &str) -> Result<Value> {
    Ok(Value::text(cycle(pattern, bounded(args.int(0)?, 1)?)))
}

fn cycle(pattern: &str, length: usize) -> String {
    pattern.chars().cycle().take(length).collect()
}

fn bcrypt() -> String {
    format!("$2a$10${}", cycle("Placeh0lder", 53))
}

fn pem(label: &str) -> String {
    // "a placeholder of seawall: drawn at random by a real rendering"
    let body = base64(b"a placeholder of seawall: drawn at random by a real rendering");
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

fn generated() -> Value {
    certificate(pem("CERTIFICATE"), pem("RSA PRIVATE KEY"))
}

fn certificate(cert: String, key: String) -> Value {
    let field = |name, value: String| Field {
        name,
        json: "",
        omit_empty: false,
        value: Data::Text(value.into()).into(),
    };
    Value::object(Object::Struct(Struct {
        type_name: "sprig.certificate",
        fields: vec![field("Cert", cert), field("Key", key)],
        methods: &[],
        pointer: false,
    }))
}
