use diesel::connection::SimpleConnection as _;
use schema::testing::TestDb;

#[test]
fn a_clone_serves_its_logins() {
    let start = std::time::Instant::now();
    let db = TestDb::new();
    eprintln!("first {:?}", start.elapsed());
    let start = std::time::Instant::now();
    let _two = TestDb::new();
    eprintln!("second {:?}", start.elapsed());
    db.connect("registry_reader")
        .batch_execute("select * from registry.apis join published.persons using (organisation_id)")
        .unwrap();
    assert!(
        db.connect("registry_reader")
            .batch_execute("select * from account.logins")
            .is_err()
    );
}
