//! What a line looks like.

use super::entry::Entry;
use super::json;
use super::number::Dates;
use super::room::Room;
use super::variable::{Line, NoVariable, Variable};
use crate::observe::escape::Escape;

/// ingress-nginx's format (`upstreaminfo`).
pub const UPSTREAM: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name] $upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id"#;

/// What a line looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Json,
    Pieces(Box<[Piece]>, Escape),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    Variable(Variable),
}

/// Why a format cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidFormat {
    /// A variable that there is not.
    #[error("unknown variable `${name}` at column {column}")]
    Unknown {
        /// Its name.
        name: Box<str>,
        /// Where its `$` stands, in characters from 1.
        column: usize,
    },
    /// A variable that would write credentials into the log.
    #[error("variable `${name}` at column {column} holds credentials, which are not logged")]
    Secret {
        /// Its name.
        name: Box<str>,
        /// Where its `$` stands, in characters from 1.
        column: usize,
    },
    /// A `$` that no name follows, or `${` without `}`.
    #[error("`$` at column {column} begins no variable")]
    NoName {
        /// Where it stands, in characters from 1.
        column: usize,
    },
}

impl Format {
    /// One JSON object per line; keys of which nothing is known are left out.
    #[must_use]
    pub fn json() -> Self {
        Self(Kind::Json)
    }

    /// Reads the syntax of ingress-nginx's `log-format-upstream`: text with `$variable` and `${variable}`.
    ///
    /// A line stays one line: where the format itself has line breaks or tabs, it has a space.
    ///
    /// # Errors
    ///
    /// [`InvalidFormat`] names the variable that cannot be used, and where it stands.
    pub fn parse(format: &str, escape: Escape) -> Result<Self, InvalidFormat> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut rest = format.trim_end();
        let total = rest.chars().count();
        let break_or_dollar = |c: char| c.is_control() || c == '$';
        while let Some(c) = rest.chars().next() {
            if c != '$' {
                let (piece, after) =
                    rest.split_at_checked(rest.find(break_or_dollar).unwrap_or(rest.len())).unwrap_or((rest, ""));
                text.push_str(piece);
                rest = after.trim_start_matches(char::is_control);
                if rest.len() < after.len() {
                    text.push(' ');
                }
                continue;
            }
            let column = total - rest.chars().count() + 1;
            let (name, after) = name(rest).ok_or(InvalidFormat::NoName { column })?;
            if !text.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut text).into()));
            }
            pieces.push(Piece::Variable(Variable::named(name).map_err(|why| match why {
                NoVariable::Unknown => InvalidFormat::Unknown { name: name.into(), column },
                NoVariable::Secret => InvalidFormat::Secret { name: name.into(), column },
            })?));
            rest = after;
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text.into()));
        }
        Ok(Self(Kind::Pieces(pieces.into(), escape)))
    }

    /// Writes a line with its end.
    pub(super) fn write<'a>(&self, room: Room<'a>, entry: &Entry<'_>, dates: &Dates) -> Room<'a> {
        let room = match &self.0 {
            Kind::Json => json::write(room, entry, dates),
            Kind::Pieces(pieces, escape) => {
                let mut line = Line { room, escape: *escape };
                for piece in pieces {
                    let is_there = match piece {
                        Piece::Text(text) => line.raw(text.as_bytes()),
                        Piece::Variable(variable) => variable.write(&mut line, entry, dates),
                    };
                    // nginx writes nothing where it escapes for JSON or not at all.
                    if !is_there && *escape == Escape::Default {
                        line.raw(b"-");
                    }
                }
                line.room
            }
        };
        room.put([b'\n'])
    }
}

/// The name of the variable that a text begins with, and what is behind it.
fn name(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('$')?;
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if let Some(text) = text.strip_prefix('{') {
        let (name, rest) = text.split_once('}')?;
        return (!name.is_empty() && name.chars().all(is_of_name)).then_some((name, rest));
    }
    let end = text.find(|c| !is_of_name(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end)?;
    (!name.is_empty()).then_some((name, rest))
}
