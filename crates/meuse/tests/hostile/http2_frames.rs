//! HTTP/2 by hand (RFC 9113), so that tests can write what no client would.

use std::io::Write as _;
use std::net::TcpStream;

use crate::attack::Target;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
/// How many bytes a new stream may be sent before its client says more.
pub(crate) const INITIAL_WINDOW_SIZE: u16 = 4;

/// A frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = &(payload.len() as u32).to_be_bytes()[1..];
    [length, &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// One setting, as the payload of a SETTINGS frame.
pub(crate) fn setting(name: u16, value: u32) -> Vec<u8> {
    [name.to_be_bytes().as_slice(), &value.to_be_bytes()].concat()
}

/// A header in HPACK, literal and not to be remembered.
pub(crate) fn header(name: &str, value: &str) -> Vec<u8> {
    [&[0], text(name).as_slice(), &text(value)].concat()
}

/// A header in HPACK, literal and to be remembered.
pub(crate) fn remembered(name: &str, value: &str) -> Vec<u8> {
    [&[0x40], text(name).as_slice(), &text(value)].concat()
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut length = text.len();
    if length < 127 {
        bytes.push(length as u8);
    } else {
        bytes.push(127);
        length -= 127;
        while length >= 128 {
            bytes.push((length % 128 + 128) as u8);
            length /= 128;
        }
        bytes.push(length as u8);
    }
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// The headers of a request.
pub(crate) fn request(method: &str, path: &str, key: &str) -> Vec<u8> {
    let pairs = [(":method", method), (":scheme", "http"), (":authority", "x"), (":path", path), ("x-api-key", key)];
    pairs.iter().flat_map(|(name, value)| header(name, value)).collect()
}

/// A connection that has greeted, with these settings.
pub(crate) fn connect(target: &Target, settings: &[u8]) -> TcpStream {
    let mut stream = target.connect();
    let greeting = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &frame(SETTINGS, 0, 0, settings)].concat();
    stream.write_all(&greeting).expect("the server reads");
    stream
}
