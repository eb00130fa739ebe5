//! A database that isn't ours: other names, other owners, a roles file without sections.

use schema::attack::{self, Field};
use schema::drift::{self, Options};
use schema::effective_rights;
use schema::roles::RolesFile;
use schema::session::Session;
use schema::testing::TestCluster;

use crate::support::connect;

pub const FILE: &str = "-- == roles ==
create role sales_team nologin;
create role stock_team nologin;
create role sales_app login password 'a';
create role stock_app login password 'b';
create schema if not exists sales authorization sales_team;
create schema if not exists stock authorization stock_team;
set local role sales_team;
grant usage on schema sales to sales_app, stock_app;
grant select, insert on sales.orders to sales_app;
grant select on sales.prices to stock_app;
reset role;
set local role stock_team;
grant usage on schema stock to stock_app;
grant select, insert, update, delete on stock.items to stock_app;
reset role;
";

/// Makes the database `shop` of two teams, not yet as the file says; its URL.
pub fn shop(cluster: &TestCluster) -> String {
    connect(&cluster.url("postgres", "superuser")).batch_execute("create database shop").unwrap();
    let url = cluster.url("shop", "superuser");
    let made = "create schema sales authorization sales_team; create schema stock authorization stock_team;
        set role sales_team; create table sales.orders (id int, price int); create view sales.prices as select o.price from sales.orders o;
        set role stock_team; create table stock.items (id int, name text); reset role";
    let roles = &FILE[FILE.find("create role").unwrap()..FILE.find("create schema").unwrap()];
    connect(&url).batch_execute(&format!("{roles}{made}")).unwrap();
    url
}

#[test]
fn the_tools_know_none_of_our_names() {
    let cluster = TestCluster::bare();
    let url = shop(&cluster);
    let mut superuser = connect(&url);
    let options = Options { file: RolesFile::new(FILE), ..Options::default() };
    let (done, left) = drift::converge(&url, &options, &[]).unwrap();
    assert!(!done.is_empty() && left.findings.is_empty(), "{left:#?}");
    superuser.batch_execute("grant select on stock.items to sales_app").unwrap();
    let seen = drift::check(&url, &options).unwrap();
    let keys: Vec<_> = seen.findings.iter().map(|one| one.key.as_str()).collect();
    assert_eq!(keys, ["extra right sales_app SELECT table stock.items"]);
    drift::converge(&url, &options, &[]).unwrap();

    let found = effective_rights::read(&mut Session::connect(&url).unwrap()).unwrap();
    let (_, columns) = effective_rights::explain(&found, "stock_app", "sales.orders");
    assert_eq!(columns.len(), 1);
    assert_eq!(columns[0].column, "sales.orders.price");

    // Its tables are closed; what nobody closed there (advisory locks, temporary tables) is open, and said so.
    let file = RolesFile::new(FILE);
    let field = Field {
        superuser: &url,
        file: &file,
        password: &|login| Some(if login == "sales_app" { "a" } else { "b" }.to_owned()),
    };
    let (tried, _) = attack::run(&field).unwrap();
    let open = |name: &str| tried.iter().filter(|one| one.name == name).any(|one| !one.otherwise.is_empty());
    assert!(!open("read a foreign table") && !open("update through a view"));
    assert!(open("advisory lock") && open("temporary table"));
}
