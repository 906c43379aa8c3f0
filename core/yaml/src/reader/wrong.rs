//! What is wrong with a text, in words: what stands there and, where it helps, what to do.

pub(super) const TAB: &str = "a tab cannot indent: use spaces";

pub(super) const NO_ITEM: &str =
    "this line is in a list but does not start with `- `: check its indentation";
pub(super) const NO_KEY: &str = "a key was expected here: check the indentation of this line";
pub(super) const NO_COLON: &str =
    "this is no `key: value`: write the `:` and a space, or check the indentation";
pub(super) const NOTHING_BEFORE_COLON: &str =
    "no key stands before this `:`: write one, or quote the text";
pub(super) const NO_PAIR_HERE: &str =
    "`key: value` cannot start here: quote the text, or start a new line";
pub(super) const NO_LIST_HERE: &str = "a list cannot start here: put its `- ` on a new line";
pub(super) const NO_ASKED_KEY_HERE: &str =
    "a key with `? ` cannot start here: put it on a new line";
pub(super) const NO_BLOCK_HERE: &str = "a list or mapping cannot start here: put it on a new line";
pub(super) const KEY_IS_COLLECTION: &str = "a mapping or list cannot be a key";
pub(super) const TOO_DEEP: &str = "lists and mappings are nested too deep";

pub(super) const OPEN_BRACKET: &str =
    "the document ends inside of brackets: close them with `]` or `}`";
pub(super) const NO_COMMA_IN_LIST: &str = "expected `,` or `]`: quote the text, or add a comma";
pub(super) const NO_COMMA_IN_MAPPING: &str = "expected `,` or `}`: quote the text, or add a comma";

pub(super) const OPEN_QUOTE: &str = "this quote is never closed";
pub(super) const NO_ESCAPE: &str =
    "the quoted text has an unknown escape: write `\\\\` for a backslash, or use single quotes";
pub(super) const NO_HEX: &str =
    "the quoted text has an escape without its digits: `\\x` takes 2, `\\u` 4 and `\\U` 8";
pub(super) const NO_CHARACTER: &str =
    "the quoted text has an escape that stands for no Unicode character";

pub(super) const BAD_BLOCK_HEADER: &str =
    "only `+`, `-`, a digit or a comment may follow `|` and `>`: start the text on a new line";
pub(super) const NO_INDENTATION: &str = "a block of text is indented by 1 to 9, not by 0";

pub(super) const ONE_MORE_PROPERTY: &str =
    "a value has one anchor and one tag at most: this is one more";
pub(super) const PROPERTIES_OF_ALIAS: &str = "an alias cannot have an anchor or tag";
pub(super) const NO_ANCHOR_NAME: &str =
    "a name of letters, digits, `_` and `-` must follow `&` and `*`: quote other text";
pub(super) const NO_TAG_NAME: &str = "the tag has no name";
pub(super) const OPEN_TAG: &str = "the tag has no closing `>`";
pub(super) const NO_SPACE_AFTER_TAG: &str =
    "a space must follow a tag: quote the text if `!` is part of it";
pub(super) const NO_HEX_IN_TAG: &str = "two hexadecimal digits must follow `%` in a tag";
pub(super) const TAG_NOT_UTF8: &str = "the tag is not UTF-8";

pub(super) const NO_DIRECTIVE: &str =
    "only `%YAML` and `%TAG` may start a line: quote other text that starts with `%`";
pub(super) const AFTER_DIRECTIVE: &str = "only a comment may follow a directive";
pub(super) const NO_START: &str = "a line `---` must follow the directives";
pub(super) const TWO_VERSIONS: &str = "there is more than one `%YAML` directive: remove one";
pub(super) const OTHER_VERSION: &str =
    "Kubernetes reads YAML 1.1 only: remove the `%YAML` directive";
pub(super) const NO_VERSION: &str = "`%YAML` wants a version such as 1.1";
pub(super) const SAME_HANDLE: &str = "two `%TAG` directives define the same handle: remove one";
pub(super) const NO_HANDLE: &str = "`%TAG` wants a handle such as `!e!` and a prefix";

/// A tag that nothing is known of.
pub(super) fn unknown_handle(handle: &str) -> String {
    format!("no `%TAG` directive defines the handle `{handle}`")
}

/// A value was to start with this byte.
pub(super) fn no_value(byte: u8) -> String {
    match byte {
        b'\t' => TAB.to_owned(),
        b'!'..=b'~' => {
            let sign = char::from(byte);
            format!("a value cannot start with `{sign}` here: quote the text")
        }
        _ => "a value was expected here".to_owned(),
    }
}
