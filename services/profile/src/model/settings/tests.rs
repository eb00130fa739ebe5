use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn every_minute_is_read_back(hour in 0u32..24, minute in 0u32..60) {
        let time = NaiveTime::from_hms_opt(hour, minute, 0).unwrap();
        prop_assert_eq!(time_of_day(&clock_face(time)), Some(time));
    }

    #[test]
    fn whatever_is_read_was_written_so(text in "[ 0-9:+-]{5}|\\PC{0,6}") {
        if let Some(time) = time_of_day(&text) {
            prop_assert_eq!(clock_face(time), text);
        }
    }
}

#[test]
fn what_stands_for_a_time_elsewhere_is_none_here() {
    assert!(time_of_day("09:05").is_some());
    for text in ["9:05", " 9: 5", "09: 5", "09:05 ", "24:00", "+9:05", ""] {
        assert_eq!(time_of_day(text), None, "{text:?}");
    }
}
