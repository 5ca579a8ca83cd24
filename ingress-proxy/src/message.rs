//! Messages that cannot be read in two ways.
//!
//! HTTP/1 and HTTP/2 heads end as the same values, checked by the same rules; whatever is sent on is written from them and
//! never copied from the wire. Sources: RFC 9110, RFC 9112, RFC 9113.

mod body;
mod bytes;
mod date;
mod fields;
mod head;
mod known;
mod outgoing;

pub use self::body::{BodyError, Fill, Sink, Source};
pub use self::bytes::{is_field_value, is_token};
pub(crate) use self::bytes::{is_token_byte, is_word, target_length, text_length, token_length};
pub(crate) use self::date::{ImfFixdate, Today};
pub use self::fields::{Fields, InvalidField};
pub use self::head::{Framing, Rejection, RequestHead, ResponseHead, Version};
pub use self::known::Known;
pub(crate) use self::known::{is_about_handshake, must_not_trail};
pub use self::outgoing::{BodyLength, EachField, NoFields, OutgoingRequest, OutgoingResponse, Trailers};
