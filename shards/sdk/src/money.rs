//! Amounts of money.

use std::fmt::Display;

use schemars::JsonSchema;
use serde::Serialize;

use crate::ToolError;

/// An amount of money, exact: the amount is a decimal text, never a binary fraction.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, JsonSchema)]
pub struct Money {
    /// The amount, a decimal number such as `45.67`, in the currency's main unit.
    #[schemars(regex(pattern = r"^-?[0-9]+(\.[0-9]+)?$"))]
    amount: String,
    /// The currency, three letters of ISO 4217 such as `USD`.
    #[schemars(regex(pattern = "^[A-Z]{3}$"))]
    currency: String,
}

impl Money {
    /// From what an upstream sent: a [`serde_json::Number`], or a decimal text with or without a sign.
    ///
    /// Zeros that say nothing are dropped (`0045.60` becomes `45.6`), so equal amounts are equal texts. An exponent, a
    /// separator of thousands, or more than 30 digits is an upstream error; so is a currency that is not three capital
    /// letters. The errors quote neither.
    pub fn new(amount: impl Display, currency: &str) -> Result<Self, ToolError> {
        let Some(amount) = decimal(&amount.to_string()) else {
            return Err(ToolError::upstream("an amount of money is not a plain decimal number"));
        };
        if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(ToolError::upstream("the currency of an amount of money is not three capital letters"));
        }
        Ok(Self { amount, currency: currency.to_owned() })
    }

    /// The amount, a decimal text without zeros that say nothing.
    pub fn amount(&self) -> &str {
        &self.amount
    }

    /// The currency, three capital letters.
    pub fn currency(&self) -> &str {
        &self.currency
    }
}

/// A decimal number in its shortest form.
fn decimal(text: &str) -> Option<String> {
    let (minus, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || whole.len() + fraction.len() > 30 {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(match fraction.trim_end_matches('0') {
        "" if whole == "0" => "0".to_owned(),
        "" => format!("{minus}{whole}"),
        fraction => format!("{minus}{whole}.{fraction}"),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Number, json};

    use super::*;
    use crate::schema;

    #[test]
    fn an_amount_is_exact_and_in_its_shortest_form() {
        for (text, shown) in [
            ("45.67", "45.67"),
            ("-3.5", "-3.5"),
            ("+3.5", "3.5"),
            ("100", "100"),
            ("100.00", "100"),
            ("0045.60", "45.6"),
            ("0.10", "0.1"),
            ("-0.00", "0"),
            ("0", "0"),
            ("123456789012345678901234.56", "123456789012345678901234.56"),
        ] {
            assert_eq!(Money::new(text, "USD").unwrap().amount(), shown, "{text}");
        }
        for (number, shown) in
            [("45.67", "45.67"), ("-3.5", "-3.5"), ("100", "100"), ("100.0", "100"), ("0.1", "0.1"), ("-0.0", "0")]
        {
            let number: Number = serde_json::from_str(number).unwrap();
            assert_eq!(Money::new(&number, "USD").unwrap().amount(), shown, "{number}");
        }
        assert_eq!(Money::new("100.00", "EUR"), Money::new("100", "EUR"));
        assert_ne!(Money::new("100", "EUR"), Money::new("100", "USD"));
    }

    #[test]
    fn what_is_not_a_plain_decimal_number_is_no_amount() {
        for text in [
            "",
            "-",
            "+",
            ".",
            "-.5",
            ".5",
            "5.",
            "--5",
            "+-5",
            "- 5",
            " 5",
            "5 ",
            "1,234.56",
            "1.234,56",
            "1'000",
            "1_000",
            "1e3",
            "1E3",
            "1e-5",
            "0x10",
            "NaN",
            "inf",
            "-inf",
            "$5",
            "5 USD",
            "1.2.3",
            "５",
            "1234567890123456789012345678901",
        ] {
            let error = Money::new(text, "USD").unwrap_err();
            assert_eq!(error, ToolError::upstream("an amount of money is not a plain decimal number"), "{text}");
        }
        for number in ["1e300", "1e-9"] {
            let number: Number = serde_json::from_str(number).unwrap();
            assert!(Money::new(&number, "USD").is_err(), "{number}");
        }
    }

    #[test]
    fn a_currency_is_three_capital_letters() {
        for currency in ["", "US", "USDX", "usd", "Usd", "U$D", "US ", "ÜSD", "Ü$", "123"] {
            let error = Money::new("1", currency).unwrap_err();
            assert!(matches!(&error, ToolError::Upstream(text) if text.contains("currency")), "{currency}");
        }
    }

    #[crate::data]
    struct Pay {
        #[field(class = pay)]
        salary: Option<Money>,
    }

    #[test]
    fn a_result_shows_amount_and_currency_as_text() {
        let pay = Pay { salary: Some(Money::new("45.67", "USD").unwrap()) };
        let shown = json!({ "salary": { "amount": "45.67", "currency": "USD" } });
        assert_eq!(serde_json::to_value(&pay).unwrap(), shown);
        let schema = schema::of_data::<Pay>();
        assert_eq!(schema["properties"]["salary"]["x-nexus-class"], "pay");
        let text = schema.to_string();
        assert!(!text.contains("$ref") && text.contains(r#""required":["amount","currency"]"#), "{text}");
        assert!(text.contains("[A-Z]{3}"), "{text}");
    }
}
