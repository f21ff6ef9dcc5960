//! When texts are equal, and when they only mean the same.

use crate::rules::Rules;
use crate::text::{self, Compared, Words};

fn check(words: &Words, one: &str, other: &str, expected: Compared) {
    assert_eq!(words.compare(Some(one), Some(other)), expected, "{one:?} and {other:?}");
    assert_eq!(words.compare(Some(other), Some(one)), expected, "{other:?} and {one:?}");
}

#[test]
fn capitals_and_blanks_are_no_difference() {
    let titles = &Rules::shipped().titles;
    for (one, other) in [
        ("Software Engineer", "software  ENGINEER"),
        (" Software Engineer\u{00A0}", "Software Engineer"),
        ("Software\tEngineer", "Software\u{3000}Engineer"),
        ("STRASSE", "straße"),
        ("STRAẞE", "Straße"),
        ("e\u{301}cole", "\u{e9}cole"),
        ("ﬁnance", "FINANCE"),
        ("Ｓｏｆｔｗａｒｅ", "software"),
    ] {
        check(titles, one, other, Compared::Same);
    }
}

#[test]
fn titles_mean_the_same_by_abbreviation_and_never_by_chance() {
    use Compared::{Different, Spelling};
    let titles = &Rules::shipped().titles;
    for (one, other, expected) in [
        ("Sr. Software Engineer", "Senior Software Engineer", Spelling),
        ("Sr Software Eng.", "Senior Software Engineer", Spelling),
        ("Jr. Engineer", "Junior Engineer", Spelling),
        ("HR Director", "Human Resources Director", Spelling),
        ("H.R. Dir.", "Human Resources Director", Spelling),
        ("VP of Engineering", "Vice President, Engineering", Spelling),
        ("V.P. Eng", "Vice-President Engineering", Spelling),
        ("Eng Mgr", "Engineering Manager", Spelling),
        ("Systems Administrator", "System Admin", Spelling),
        ("Engineer II", "Engineer 2", Spelling),
        ("R&D Manager", "Research and Development Mgr", Spelling),
        ("Chargé d’affaires", "Charge d'affaires", Spelling),
        ("Analyst, Sales", "Analyst Sales", Spelling),
        ("Director\u{200F}", "Director", Spelling),
        ("Sr. Software Engineer", "Software Engineer", Different),
        ("Engineer II", "Engineer III", Different),
        ("Engineering Manager", "Engineer", Different),
        ("HR Director", "HR Business Partner", Different),
        ("...", "---", Different),
        ("总经理", "经理", Different),
    ] {
        check(titles, one, other, expected);
    }
}

#[test]
fn departments_mean_the_same_by_abbreviation_and_stay_apart_otherwise() {
    use Compared::{Different, Spelling};
    let departments = &Rules::shipped().departments;
    for (one, other, expected) in [
        ("HR", "Human Resources", Spelling),
        ("Department of Human Resources", "HR Dept.", Spelling),
        ("IT", "Information Technology", Spelling),
        ("I.T.", "Information Technology", Spelling),
        ("IT Ops", "IT Operations", Spelling),
        ("Product Mgmt", "Product Management", Spelling),
        ("R & D", "Research and Development", Spelling),
        ("IT Operations", "Information Technology", Different),
        ("IT", "IT Operations", Different),
        ("Engineering", "Product Management", Different),
        ("Finance", "Finance and Accounting", Different),
    ] {
        check(departments, one, other, expected);
    }
}

#[test]
fn makers_have_many_names_and_hewlett_packard_enterprise_is_another() {
    use Compared::{Different, Spelling};
    let makers = &Rules::shipped().manufacturers;
    for (one, other, expected) in [
        ("HP", "Hewlett-Packard", Spelling),
        ("HP Inc.", "Hewlett-Packard Company", Spelling),
        ("Dell", "Dell Inc.", Spelling),
        ("Dell Computer Corporation", "Dell Inc.", Spelling),
        ("LENOVO Group Ltd.", "Lenovo", Spelling),
        ("Apple", "Apple Inc.", Spelling),
        ("ASUSTeK COMPUTER INC.", "ASUS", Spelling),
        ("Cisco Systems, Inc.", "Cisco", Spelling),
        ("HP", "HPE", Different),
        ("Hewlett Packard Enterprise", "Hewlett-Packard", Different),
        ("Dell", "Lenovo", Different),
    ] {
        check(makers, one, other, expected);
    }
}

#[test]
fn a_value_that_is_blank_is_missing_and_not_another_one() {
    let titles = &Rules::shipped().titles;
    for blank in [None, Some(""), Some("  "), Some("\u{200B}"), Some("\u{00A0}\u{200F}")] {
        assert_eq!(titles.compare(blank, Some("Engineer")), Compared::Missing);
        assert_eq!(titles.compare(Some("Engineer"), blank), Compared::Missing);
        assert_eq!(titles.compare(blank, None), Compared::NotKnown);
    }
}

#[test]
fn letters_with_marks_are_written_without_them_in_more_than_one_way() {
    let names = &Rules::shipped().names;
    for (one, other) in [
        ("Müller", "Muller"),
        ("Müller", "Mueller"),
        ("Søren", "Soren"),
        ("Søren", "Soeren"),
        ("Åse", "Aase"),
        ("Łukasz", "Lukasz"),
        ("Nuñez", "Nunez"),
        ("O’Brien", "OBrien"),
        ("Smith-Jones", "Smith Jones"),
        ("Dr. Smith", "Smith"),
    ] {
        check(names, one, other, Compared::Spelling);
    }
    for (one, other) in [("Bob", "Robert"), ("Bill", "William"), ("Muller", "Mueller"), ("कि", "का")] {
        check(names, one, other, Compared::Different);
    }
}

#[test]
fn a_value_in_a_sentence_is_bounded_and_shows_what_is_hidden_by_leaving_it_out() {
    assert_eq!(text::quoted("a\u{202E}b\nc"), "\"ab c\"");
    assert_eq!(text::quoted(&"x".repeat(10_000)).chars().count(), 83);
    assert_eq!(text::bounded(&"é".repeat(10_000)).chars().count(), 1_001);
    assert_eq!(text::bounded("=cmd()"), "=cmd()");
}

#[test]
fn a_table_says_what_is_wrong_with_it() {
    let phrases = |written: &str| vec![written.to_owned()];
    let twice = Words::new([], [("a", phrases("x").as_slice()), ("b", phrases("X.").as_slice())]);
    assert!(twice.unwrap_err().contains("twice"));
    assert!(Words::new([], [("a", phrases("--").as_slice())]).is_err());
}
