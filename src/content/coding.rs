//! Content codings: which one a client gets, and what is in it.

use std::io::{self, Write as _};

use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, header};
use hyper::body::Bytes;

/// A content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// Brotli.
    Brotli,
    /// gzip.
    Gzip,
    /// None.
    Identity,
}

/// The least content that is worth compressing, in bytes: less fits one packet anyway.
pub(crate) const LEAST: usize = 512;

/// As good as gzip's best at less time than its usual.
const BROTLI_QUALITY: i32 = 5;

impl Coding {
    /// All but none, in the order in which they are preferred.
    pub(crate) const REAL: [Self; 2] = [Self::Brotli, Self::Gzip];

    /// The name in headers; nothing for none.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
            Self::Identity => None,
        }
    }

    /// What the names of files end in that are compressed with it.
    pub(crate) fn ending(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Gzip => ".gz",
            Self::Identity => "",
        }
    }

    /// What distinguishes the entity tag of this form from those of others.
    pub(crate) fn mark(self) -> &'static str {
        match self {
            Self::Brotli => "-br",
            Self::Gzip => "-gz",
            Self::Identity => "",
        }
    }

    /// The content in this coding.
    pub(crate) fn encode(self, content: &Bytes) -> io::Result<Bytes> {
        match self {
            Self::Identity => Ok(content.clone()),
            Self::Gzip => {
                let half = Vec::with_capacity(content.len() / 2);
                let mut encoder = GzEncoder::new(half, Compression::new(6));
                encoder.write_all(content)?;
                Ok(encoder.finish()?.into())
            }
            Self::Brotli => {
                let parameters = brotli::enc::BrotliEncoderParams {
                    quality: BROTLI_QUALITY,
                    size_hint: content.len(),
                    ..Default::default()
                };
                let mut out = Vec::with_capacity(content.len() / 2);
                brotli::BrotliCompress(&mut content.as_ref(), &mut out, &parameters)?;
                Ok(out.into())
            }
        }
    }
}

/// The coding that a client with these headers wants most of those that `is_there`. One that wants none of
/// them gets the content as it is: it cannot be refused what there is.
pub(crate) fn choose(headers: &HeaderMap, is_there: impl Fn(Coding) -> bool) -> Coding {
    let wanted = Wanted::of(headers);
    let mut best = (Coding::Identity, wanted.identity());
    for coding in Coding::REAL.into_iter().rev() {
        let quality = coding.name().map_or(0, |name| wanted.quality(name));
        if quality > 0 && quality >= best.1 && is_there(coding) {
            best = (coding, quality);
        }
    }
    best.0
}

/// What a client says of codings, in thousandths.
struct Wanted {
    named: Vec<(String, u16)>,
    any: Option<u16>,
}

impl Wanted {
    fn of(headers: &HeaderMap) -> Self {
        let mut wanted = Self { named: Vec::new(), any: None };
        let values = headers.get_all(header::ACCEPT_ENCODING).iter();
        for item in values.filter_map(|value| value.to_str().ok()).flat_map(|all| all.split(',')) {
            let mut parts = item.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default().to_ascii_lowercase();
            let quality = parts
                .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
                .map_or(1000, thousandths);
            match name.as_str() {
                "" => {}
                "*" => wanted.any = Some(quality),
                "x-gzip" => wanted.named.push(("gzip".to_owned(), quality)),
                _ => wanted.named.push((name, quality)),
            }
        }
        wanted
    }

    fn find(&self, name: &str) -> Option<u16> {
        self.named.iter().find(|(named, _)| named == name).map(|(_, quality)| *quality)
    }

    fn quality(&self, name: &str) -> u16 {
        self.find(name).or(self.any).unwrap_or(0)
    }

    /// What is not said to be unwanted is the last resort.
    fn identity(&self) -> u16 {
        self.find("identity").unwrap_or(1)
    }
}

/// A weight as of RFC 9110; what is none does not count as wanted.
fn thousandths(text: &str) -> u16 {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    if rest.len() > 3 || !rest.bytes().all(|byte| byte.is_ascii_digit()) {
        return 0;
    }
    let rest: u16 = format!("{rest:0<3}").parse().unwrap_or(0);
    match whole {
        "0" => rest,
        "1" if rest == 0 => 1000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn chosen(accepted: &'static str) -> Coding {
        let value = HeaderValue::from_static(accepted);
        choose(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, value)]), |_| true)
    }

    #[test]
    fn the_client_chooses_and_we_prefer_brotli() {
        for (accepted, coding) in [
            ("gzip, br", Coding::Brotli),
            ("br;q=0.5, gzip", Coding::Gzip),
            ("gzip;q=0.001", Coding::Gzip),
            ("gzip;q=0", Coding::Identity),
            ("br;q=0, *", Coding::Gzip),
            ("*;q=0", Coding::Identity),
            ("*", Coding::Brotli),
            ("identity, gzip;q=0.5", Coding::Identity),
            ("identity;q=0.5, gzip", Coding::Gzip),
            ("identity;q=0, deflate", Coding::Identity),
            ("GZIP; q=1.000", Coding::Gzip),
            ("gzip;q=2", Coding::Identity),
            ("gzip;q=-1", Coding::Identity),
            ("gzip;q=x", Coding::Identity),
            ("x-gzip", Coding::Gzip),
            ("", Coding::Identity),
            (";;,,", Coding::Identity),
        ] {
            assert_eq!(chosen(accepted), coding, "{accepted}");
        }
        assert_eq!(choose(&HeaderMap::new(), |_| true), Coding::Identity);
        let value = HeaderValue::from_static("br, gzip;q=0.1");
        let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, value)]);
        assert_eq!(choose(&headers, |coding| coding == Coding::Gzip), Coding::Gzip);
    }
}
