//! JSON strings.
//!
//! Runs of bytes that stand for themselves are copied whole. Only `"`, `\` and the control
//! characters are escaped.

/// What becomes of each byte: 0 stays, `u` becomes `\u00XX`, another letter follows a backslash.
const ESCAPES: [u8; 256] = {
    let mut table = [0; 256];
    let mut control = 0;
    while control < 0x20 {
        table[control] = b'u';
        control += 1;
    }
    table[0x08] = b'b';
    table[0x09] = b't';
    table[0x0a] = b'n';
    table[0x0c] = b'f';
    table[0x0d] = b'r';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
};

const HEX: [u8; 16] = *b"0123456789abcdef";

/// Appends `text` as a JSON string with its quotes.
#[inline]
pub(super) fn write_string(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    write_piece(bytes, out);
    out.push(b'"');
}

/// Appends bytes of a string, escaped; they may begin and end inside of a character.
#[inline]
pub(super) fn write_piece(bytes: &[u8], out: &mut Vec<u8>) {
    if needs_escape(bytes) {
        write_escaped(bytes, out);
    } else {
        out.extend_from_slice(bytes);
    }
}

/// Whether any byte is escaped.
#[inline]
fn needs_escape(bytes: &[u8]) -> bool {
    plain_length(bytes) < bytes.len()
}

/// How many bytes come before the first one that is escaped, looked at eight at a time.
#[inline]
pub(super) fn plain_length(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, &word) in words.iter().enumerate() {
        let found = escaped(u64::from_le_bytes(word));
        if found != 0 {
            return index * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let in_rest = rest.iter().take_while(|&&byte| ESCAPES[usize::from(byte)] == 0).count();
    words.len() * 8 + in_rest
}

/// Sets the high bit of the first byte that is escaped, and perhaps of some after it.
#[inline]
fn escaped(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = ONES * 0x80;
    // A byte's high bit is set where the byte is below `n`; only bytes after such a one may lie.
    let below = |word: u64, n: u64| word.wrapping_sub(ONES * n) & !word & HIGHS;
    let quotes = below(word ^ (ONES * u64::from(b'"')), 1);
    let backslashes = below(word ^ (ONES * u64::from(b'\\')), 1);
    below(word, 0x20) | quotes | backslashes
}

#[cold]
fn write_escaped(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|&byte| ESCAPES[usize::from(byte)] != 0) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((&byte, after)) = special.split_first() else { break };
        match ESCAPES[usize::from(byte)] {
            b'u' => {
                let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&digits);
            }
            letter => out.extend_from_slice(&[b'\\', letter]),
        }
        rest = after;
    }
    out.extend_from_slice(rest);
}
