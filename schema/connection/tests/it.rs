//! What is written is read again as the same address.

use connection::Address;

#[test]
fn both_written_forms_say_the_same() {
    for text in [
        "postgresql://ada@db.example/shop",
        "postgresql://a%40da:p%3A%2F%40%27%5C%20%25@[::1]:6543/sh%20op?options=-c%20a%3D'b'&sslmode=disable",
        "postgresql://ada:x@/shop?host=/run/pg%20sql,b.example&port=1,2",
        r"host=a,,/run/x port=,5433,1 user='a\'d\\a' password='' dbname=''",
        "hostaddr=127.0.0.1,::1 host=a.example,b.example user=ada target_session_attrs=primary",
        "hostaddr=::1 user=ada dbname=shop connect_timeout=3",
    ] {
        let read = Address::read(text).unwrap();
        for written in [read.url(), read.words()] {
            let again = Address::read(&written).unwrap();
            assert_eq!(again.url(), read.url(), "{text}");
            assert_eq!((again.hosts(), again.user(), again.database()), (read.hosts(), read.user(), read.database()));
            assert_eq!(again.get("password"), read.get("password"), "{text}");
            assert_eq!((again.get("options"), again.notes()), (read.get("options"), read.notes()), "{text}");
        }
    }
}

#[test]
fn what_is_shown_holds_no_secret() {
    let read = Address::read("postgresql://ada:secret@db.example/shop?sslpassword=secret&sslmode=disable").unwrap();
    assert_eq!(read.to_string(), "postgresql://ada@db.example:5432/shop?sslmode=disable");
    assert_eq!(format!("{read:?}"), read.to_string());
    assert!(read.url().contains("ada:secret@") && read.words().contains("password='secret'"));
}

#[test]
fn another_login_brings_its_own_password() {
    let read = Address::read("postgresql://ada:secret@db.example?sslmode=disable").unwrap();
    let eve = read.as_login("eve", Some("e:ve"));
    // The database was called as the first login, and still is.
    assert_eq!(eve.url(), "postgresql://eve:e%3Ave@db.example:5432/ada?sslmode=disable");
    assert_eq!(read.as_login("eve", None).in_database("b").get("password"), None);
    assert_eq!(read.in_database("sh/op").url(), "postgresql://ada:secret@db.example:5432/sh%2Fop?sslmode=disable");
}
