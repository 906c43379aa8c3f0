//! Helm charts: templates, values, charts, and what is given on the command line.

use crate::{Target, bundle, news};
use seawall_model::SourceMap;
use seawall_sources::helm::{self, Options};
use seawall_sources::tree::{Kind, Tree};
use std::collections::HashSet;

/// See the module.
pub const TARGET: Target = Target {
    name: "templates",
    corpus: || {
        let folders = ["examples", "tests/cases", "../shared/data/manifests"];
        bundle::corpus("templates", &folders, &["Chart.yaml"], 12_000)
    },
    dictionary: &[
        "{{ ", " }}", "{{- ", " -}}", "{{ end }}", "{{ if ", "{{ else }}", "{{ else if ",
        "{{ range ", "{{ with ", "{{ define \"a\" }}", "{{ include \"a\" . }}",
        "{{ template \"a\" . }}", "{{ block \"b\" . }}", "{{ break }}", "{{ continue }}",
        "{{ tpl ", "{{/* ", " */}}", "$x := ", "$x = ", "$x", "$", ".Values", ".Values.a",
        ".Release.Name", ".Chart", ".Capabilities", ".Files.Get \"x\"", ".Files.Glob \"**\"",
        ".Template.Name", "| toYaml", "| nindent 2", "| indent 99", "| quote", "| b64enc",
        "| b64dec", "| fromYaml", "| fromJson", "| toJson", "| toToml", "| default 1",
        "| required \"x\"", "printf \"%v %08.3f %-9s %q %T %x %c %U %t %*d\" ",
        "printf \"%[3]*.[2]*[1]f\" ", "dict \"a\" 1 ", "list 1 2 ", "set . \"a\" . ", "merge ",
        "mergeOverwrite ", "deepCopy ", "mustMerge ", "until 9 ", "untilStep 1 9 2 ",
        "seq 1 9 ", "repeat 9 \"x\" ", "substr 0 5 ", "trunc -3 ", "abbrev 5 ", "initials ",
        "wrap 3 ", "wrapWith 3 \"x\" ", "plural \"a\" \"b\" ", "snakecase ", "camelcase ",
        "kebabcase ", "swapcase ", "shuffle ", "regexMatch \"(a*)*b\" ", "regexFindAll \"a\" ",
        "regexReplaceAll \"(a)\" ", "regexSplit \"\" ", "semver \"1.2.3-a+b\" ",
        "semverCompare \">=1.2 || ~2 - 3\" ", "date \"2006-01-02\" ", "dateInZone ",
        "toDate \"2006\" \"2020\" ", "duration 99 ", "durationRound ", "ago ", "htmlDate ",
        "urlParse \"http://a:b@c/d?e#f\" ", "urlJoin ", "genCA \"x\" 1 ", "htpasswd ",
        "derivePassword 1 \"long\" ", "sha256sum ", "adler32sum ", "uuidv4 ", "splitList \"\" ",
        "split \"a\" ", "splitn \"a\" 2 ", "join \",\" ", "sortAlpha ", "reverse ", "uniq ",
        "without ", "has ", "slice ", "first ", "rest ", "last ", "initial ", "chunk 2 ",
        "concat ", "append ", "prepend ", "compact ", "index ", "get ", "dig \"a\" \"b\" 1 ",
        "pick ", "omit ", "pluck ", "keys ", "values ", "hasKey ", "unset ", "ternary 1 2 ",
        "coalesce ", "all ", "any ", "empty ", "fail \"x\"", "typeOf ", "kindIs \"map\" ",
        "deepEqual ", "lookup \"v1\" \"Pod\" \"\" \"\" ", "add 1 ", "sub 1 ", "mul 2 ", "div 0 ",
        "mod 0 ", "max 1 ", "min 1 ", "round 1.5 99 ", "ceil ", "floor ", "int64 ", "float64 ",
        "toDecimal ", "toString ", "toStrings ", "atoi ", "eq ", "ne ", "lt ", "and ", "or ",
        "not ", "len ", "call ", "print ", "println ", "html ", "js ", "urlquery ", "slice ",
        "9223372036854775807", "-9223372036854775808", "0x7f", "1e308", "0b1", "'\\u0041'",
        "1i", "nil", "true", "\"\\x41\"", "`raw`", "#### templates/b.yaml\n", "#### values.yaml\n",
        "#### charts/s/Chart.yaml\n", "#### values.schema.json\n", "#### crds/a.yaml\n",
        "#### files/x\n", "#### templates/_h.tpl\n", "dependencies:\n- name: s\n",
        "condition: a.b,c\n", "alias: t\n", "import-values:\n- child: a\n  parent: b\n",
        "tags: [x]\n", "\n---\n", "helm.sh/hook: pre-install\n", "kind: ", "apiVersion: ",
    ],
    run,
};

fn run(input: &[u8], features: &mut HashSet<u64>) {
    let files = bundle::files(input);
    let tree = bundle::tree(&files);
    let given = |name: &str| -> Vec<String> {
        let texts = files.iter().filter(|(path, _)| path == name);
        texts
            .flat_map(|(_, text)| String::from_utf8_lossy(text).lines().map(str::to_owned).collect::<Vec<_>>())
            .take(8)
            .collect()
    };
    let extra = "extra.yaml".to_owned();
    let options = Options {
        values_files: if tree.kind(&extra) == Some(Kind::File) { vec![extra] } else { Vec::new() },
        set: given("--set"),
        set_string: given("--set-string"),
        set_json: given("--set-json"),
        ..Options::default()
    };
    let map = SourceMap::new();
    let rendered = helm::render(&tree, ".", &options, &map);
    news::gaps(&rendered.gaps, features);
    for gap in &rendered.gaps {
        assert!(!gap.reason.contains("inside seawall"), "{}", gap.reason);
        let _ = map.display(gap.span);
    }
    for object in &rendered.objects {
        news::tree(object, features);
        let _ = map.display(object.span);
    }
}
