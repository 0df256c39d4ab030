//! Types of transactions as a person names them: as the rows have them, or by the general name that incidents have, with `*` for what changes from
//! call to call.

use clickhouse::query::Query;

/// The condition on `Type`, empty for all; [`bind`] gives its values.
pub(super) const OF_TYPE: &str =
    "({kind:String} = '' OR Type = {kind:String} OR ({kinds:String} != '' AND match(Type, {kinds:String})))";

/// One word of a name, or one literal of SQL.
const ANY: &str = r##"(?:'[^']*'?|"[^"]*"?|[^\s/?&=,;:()\[\]{}<>'"#|]+)"##;

/// Binds the values of [`OF_TYPE`].
pub(super) fn bind(query: Query, kind: &str) -> Query {
    query.param("kind", kind).param("kinds", pattern(kind))
}

/// What the names look like that are meant, as a regular expression (RE2); empty where the name has no `*`.
fn pattern(kind: &str) -> String {
    if !kind.contains('*') {
        return String::new();
    }
    let mut pattern = String::from("^");
    for c in kind.chars() {
        match c {
            '*' => pattern.push_str(ANY),
            c if c.is_ascii_punctuation() => pattern.extend(['\\', c]),
            c => pattern.push(c),
        }
    }
    pattern.push('$');
    pattern
}
