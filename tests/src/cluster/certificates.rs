//! The certificates of a test's control plane.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};

/// Certificates and keys in PEM.
pub struct Certificates {
    pub ca: String,
    /// The API server's certificate and key.
    pub server: (String, String),
    /// Those of a client with all rights.
    pub admin: (String, String),
    /// Those of a client whose certificate expired long ago.
    pub expired: (String, String),
    /// A certificate authority that signed none of them.
    pub other_ca: String,
    /// The private and the public key of service account tokens.
    pub accounts: (String, String),
}

impl Certificates {
    pub fn new() -> Self {
        let (ca, issuer) = authority("seawall-tests");
        let accounts = KeyPair::generate().unwrap();
        Self {
            ca,
            server: signed(&issuer, |params| {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            }),
            admin: signed(&issuer, as_admin),
            expired: signed(&issuer, |params| {
                as_admin(params);
                params.not_before = date_time_ymd(2020, 1, 1);
                params.not_after = date_time_ymd(2021, 1, 1);
            }),
            other_ca: authority("somebody-else").0,
            accounts: (accounts.serialize_pem(), accounts.public_key_pem()),
        }
    }
}

fn as_admin(params: &mut CertificateParams) {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "system:masters");
    name.push(DnType::CommonName, "admin");
    params.distinguished_name = name;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
}

fn authority(name: &str) -> (String, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    (certificate.pem(), Issuer::new(params, key))
}

fn signed(
    issuer: &Issuer<'static, KeyPair>,
    shape: impl FnOnce(&mut CertificateParams),
) -> (String, String) {
    let names = ["127.0.0.1", "localhost", "kubernetes.default.svc"];
    let mut params = CertificateParams::new(names.map(str::to_owned)).unwrap();
    params.use_authority_key_identifier_extension = true;
    shape(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap();
    (certificate.pem(), key.serialize_pem())
}
