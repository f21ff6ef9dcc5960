//! National numbers. Only where a name says what it would be: nine digits are many things.

/// `123-45-6789`, or nine digits: of an area that is given out.
pub(super) fn is_ssn(text: &str) -> bool {
    let digits: Vec<u8> = match text.as_bytes() {
        [_, _, _, b'-' | b' ', _, _, b'-' | b' ', _, _, _, _] => {
            text.bytes().filter(|b| !matches!(b, b'-' | b' ')).collect()
        }
        plain => plain.to_vec(),
    };
    let [a, b, c, d, e, f, g, h, i] = digits.as_slice() else { return false };
    let all = digits.iter().all(u8::is_ascii_digit);
    let area = [*a, *b, *c];
    all && *a != b'9' && area != *b"000" && area != *b"666" && [*d, *e] != *b"00" && [*f, *g, *h, *i] != *b"0000"
}

/// Nine digits, or eight without the nought before them, whose weighted sum is a multiple of eleven.
pub(super) fn is_bsn(text: &str) -> bool {
    let digits: Vec<i32> = text.bytes().filter(|b| *b != b'.').map(|b| i32::from(b) - i32::from(b'0')).collect();
    let weights: &[i32] = match digits.len() {
        8 => &[8, 7, 6, 5, 4, 3, 2, -1],
        9 => &[9, 8, 7, 6, 5, 4, 3, 2, -1],
        _ => return false,
    };
    let sum: i32 = digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum();
    digits.iter().all(|digit| (0..=9).contains(digit)) && sum > 0 && sum % 11 == 0
}

/// `AB 12 34 56 C`, blanks or not.
pub(super) fn is_nino(text: &str) -> bool {
    let letters: Vec<u8> = text.bytes().filter(|b| *b != b' ').map(|b| b.to_ascii_uppercase()).collect();
    let [one, two, digits @ .., last] = letters.as_slice() else { return false };
    let never = [&b"BG"[..], b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"].contains(&&[*one, *two][..]);
    one.is_ascii_uppercase()
        && two.is_ascii_uppercase()
        && !b"DFIQUV".contains(one)
        && !b"DFIOQUV".contains(two)
        && !never
        && digits.len() == 6
        && digits.iter().all(u8::is_ascii_digit)
        && (b'A'..=b'D').contains(last)
}

/// A day: five to eight digits, with a month's name or without, in any order; or seconds since 1970.
pub(super) fn is_birth_date(text: &str) -> bool {
    // What follows a day in its ISO form is the time.
    let day = text.split_once('T').filter(|(day, _)| day.len() == 10).map_or(text, |(day, _)| day);
    let digits = day.bytes().filter(u8::is_ascii_digit).count();
    let words =
        day.split(|c: char| !c.is_alphabetic()).filter(|word| !["", "年", "月", "日", "de", "of"].contains(word));
    let is_sign = |c: char| c.is_alphanumeric() || matches!(c, '-' | '/' | '.' | ',' | ' ');
    let seconds = digits == text.len() && (9..=13).contains(&digits);
    seconds || ((5..=8).contains(&digits) && words.count() <= 1 && day.len() <= 24 && day.chars().all(is_sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_birth_is_found_in_any_order_of_its_parts() {
        for (text, fits) in [
            ("1990-01-31", true),
            ("1990-01-31T00:00:00Z", true),
            ("31.01.1990", true),
            ("1/2/90", false),
            ("1/2/1990", true),
            ("31 January 1990", true),
            ("Jan 5, 1990", true),
            ("19900131", true),
            ("633744000", true),
            ("1990年1月31日", true),
            ("pending", false),
            ("3 of 4 fields", false),
            ("", false),
            ("199001311200", true),
            ("31 de enero de 1990", true),
            ("31.01.1990, SSN on file", false),
        ] {
            assert_eq!(is_birth_date(text), fits, "{text}");
        }
    }

    #[test]
    fn a_number_has_the_form_and_the_sum_of_its_kind() {
        for (text, ssn, bsn, nino) in [
            ("123-45-6789", true, false, false),
            ("123 45 6789", true, false, false),
            ("111222333", true, true, false),
            ("123456782", true, true, false),
            ("000-12-3456", false, false, false),
            ("666-12-3456", false, false, false),
            ("900-12-3456", false, false, false),
            ("123-00-4567", false, false, false),
            ("123-45-0000", false, false, false),
            ("12-345-6789", false, false, false),
            ("1112.22.333", false, true, false),
            ("000000000", false, false, false),
            ("12345678", false, false, false),
            ("AB123456C", false, false, true),
            ("ab 12 34 56 c", false, false, true),
            ("DA123456C", false, false, false),
            ("GB123456A", false, false, false),
            ("AB123456E", false, false, false),
            ("AB12345C", false, false, false),
            ("", false, false, false),
            ("ééééééééé", false, false, false),
        ] {
            assert_eq!((is_ssn(text), is_bsn(text), is_nino(text)), (ssn, bsn, nino), "{text}");
        }
    }
}
