//! Copies: of a sample of the rows, and what is left of one that was being made when the run was killed.

use super::*;

#[test]
fn a_sample_holds_some_rows_and_those_that_they_refer_to() {
    let shop = Shop::new();
    shop.as_superuser(
        "shop",
        "create table orders (id int primary key, account int not null references accounts);
         insert into orders select n, n % 5000 + 1 from generate_series(1, 20000) n; analyze orders;
         grant select on orders to reporter",
    );
    shop.write("report.sql", "select count(*) as orders, count(balance) as with_account from orders left join accounts on accounts.id = account;\n");
    shop.write("pay.sql", "update accounts set balance = balance + 1;\n");
    let workload = shop.workload("", "");
    // On the same server, and on one of its own because somebody is connected.
    let mut busy = None;
    for where_it_ran in ["on the same server", "a server of its own"] {
        let output = shop.lab("check", &workload, &["--sample", "300"]).output().unwrap();
        let text = said(&output);
        assert_eq!(output.status.code(), Some(0), "{text}");
        assert!(text.contains(where_it_ran), "{text}");
        assert!(text.contains("public.orders has 300 of about 20000 rows"), "{text}");
        // 300 accounts, and those of the orders that aren't among them.
        let updated = text.split(" rows: update accounts").next().unwrap().rsplit(' ').next().unwrap();
        assert!((301..=600).contains(&updated.parse::<u32>().unwrap()), "{text}");
        assert_eq!(shop.copies(), Vec::<String>::new());
        busy = Some(Session::connect(&shop.url("shop")).unwrap());
    }
    drop(busy);
    let both = shop.lab("run", &workload, &["--in-place", "shop", "--sample", "5"]).output().unwrap();
    assert_eq!(both.status.code(), Some(2), "{}", said(&both));
}

#[test]
fn a_copy_that_was_being_made_is_dropped_by_the_next_start() {
    let shop = Shop::new();
    shop.as_superuser(
        "shop",
        "create table ballast as select repeat(md5(n::text), 30) from generate_series(1, 200000) n",
    );
    let workload = shop.workload("", "");
    let mut command = shop.lab("check", &workload, &[]);
    end_with_thread(&mut command);
    // Looked for in the files: a session would be somebody who is connected, for whose sake the copy is made elsewhere.
    let base = shop.cluster.cluster().home().unwrap().join("postgres/data/base");
    let databases = || std::fs::read_dir(&base).unwrap().count();
    let before = databases();
    let mut child = command.spawn().unwrap();
    until("a copy is being made", || databases() > before);
    child.kill().unwrap();
    child.wait().unwrap();
    let output = shop.lab("check", &workload, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(shop.copies(), Vec::<String>::new());
}
