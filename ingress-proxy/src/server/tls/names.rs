//! Names in certificates as nginx writes them: RFC 2253 in OpenSSL's way (`openssl x509 -nameopt RFC2253`).

use std::fmt::Write;

use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Encode, Tag, Tagged};
use x509_cert::name::Name;

/// OpenSSL's short names of attributes that names have.
const SHORT_NAMES: [(&str, &str); 24] = [
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
    ("1.2.840.113549.1.9.2", "unstructuredName"),
    ("1.2.840.113549.1.9.8", "unstructuredAddress"),
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "street"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("2.5.4.13", "description"),
    ("2.5.4.15", "businessCategory"),
    ("2.5.4.17", "postalCode"),
    ("2.5.4.41", "name"),
    ("2.5.4.42", "GN"),
    ("2.5.4.43", "initials"),
    ("2.5.4.44", "generationQualifier"),
    ("2.5.4.46", "dnQualifier"),
    ("2.5.4.65", "pseudonym"),
];

/// The name, its last part first.
pub(super) fn written(name: &Name) -> String {
    let parts: Vec<_> = name.iter_rdn().collect();
    let mut text = String::new();
    for part in parts.iter().rev() {
        let mut separator = if text.is_empty() { "" } else { "," };
        let attributes: Vec<_> = part.iter().collect();
        for attribute in attributes.into_iter().rev() {
            text.push_str(separator);
            separator = "+";
            write(attribute, &mut text);
        }
    }
    text
}

fn write(attribute: &AttributeTypeAndValue, text: &mut String) {
    let short = SHORT_NAMES.iter().find(|(oid, _)| ObjectIdentifier::new(oid).is_ok_and(|oid| oid == attribute.oid));
    match (short, characters(attribute)) {
        (Some((_, name)), Some(value)) => {
            text.push_str(name);
            text.push('=');
            escape(&value, text);
        }
        (short, _) => {
            // What has no name or is no text is shown as it is encoded.
            match short {
                Some((_, name)) => text.push_str(name),
                None => _ = write!(text, "{}", attribute.oid),
            }
            text.push_str("=#");
            for byte in attribute.value.to_der().unwrap_or_default() {
                _ = write!(text, "{byte:02X}");
            }
        }
    }
}

/// The value, if it is text.
fn characters(attribute: &AttributeTypeAndValue) -> Option<String> {
    let bytes = attribute.value.value();
    match attribute.value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::NumericString | Tag::VisibleString => {
            String::from_utf8(bytes.to_vec()).ok()
        }
        // Nobody has ever written anything but Latin-1 there.
        Tag::TeletexString => Some(bytes.iter().copied().map(char::from).collect()),
        Tag::BmpString => {
            let units = bytes.chunks(2).map(|pair| pair.iter().fold(0, |unit, byte| unit << 8 | u16::from(*byte)));
            char::decode_utf16(units).collect::<Result<_, _>>().ok()
        }
        _ => None,
    }
}

fn escape(value: &str, text: &mut String) {
    let last = value.len().saturating_sub(1);
    for (at, character) in value.char_indices() {
        match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => text.extend(['\\', character]),
            '#' if at == 0 => text.push_str("\\#"),
            ' ' if at == 0 || at == last => text.push_str("\\ "),
            ' '..='~' => text.push(character),
            _ => {
                let mut bytes = [0; 4];
                for byte in character.encode_utf8(&mut bytes).bytes() {
                    _ = write!(text, "\\{byte:02X}");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, DnValue, KeyPair};
    use x509_cert::Certificate;
    use x509_cert::der::Decode;

    use super::*;

    #[test]
    fn the_last_of_several_attributes_of_one_part_comes_first_too() {
        let name: Name = "CN=b+OU=z,O=c".parse().unwrap();
        assert_eq!(written(&name), "OU=z+CN=b,O=c");
    }

    /// What OpenSSL 3.0 writes of the same names.
    #[test]
    fn names_are_those_of_openssl() {
        let email = DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]);
        let serial = DnType::CustomDnType(vec![2, 5, 4, 5]);
        let private = DnType::CustomDnType(vec![1, 3, 6, 1, 4, 1, 99_999, 1]);
        let ia5 = |text: &str| DnValue::Ia5String(text.try_into().unwrap());
        let utf8 = |text: &str| DnValue::Utf8String(text.to_owned());
        for (parts, expected) in [
            (vec![(DnType::CommonName, utf8("x")), (email, ia5("a@b.c"))], "emailAddress=a@b.c,CN=x"),
            (vec![(DnType::CountryName, utf8("DE")), (DnType::CommonName, utf8("é"))], "CN=\\C3\\A9,C=DE"),
            (
                vec![(serial, utf8("12")), (DnType::OrganizationName, utf8("a, \"b\" + c"))],
                "O=a\\, \\\"b\\\" \\+ c,serialNumber=12",
            ),
            (
                vec![(DnType::CommonName, utf8(" #a ")), (DnType::StateOrProvinceName, utf8("#b\n"))],
                "ST=\\#b\\0A,CN=\\ #a\\ ",
            ),
            (vec![(private, utf8("x"))], "1.3.6.1.4.1.99999.1=#0C0178"),
        ] {
            let mut name = DistinguishedName::new();
            parts.into_iter().for_each(|(kind, value)| name.push(kind, value));
            let mut params = CertificateParams::default();
            params.distinguished_name = name;
            let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
            let certificate = Certificate::from_der(made.der()).unwrap();
            assert_eq!(written(certificate.tbs_certificate().subject()), expected);
        }
    }
}
