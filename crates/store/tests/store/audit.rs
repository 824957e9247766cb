//! The audit trail shows what was done to it.

use std::collections::BTreeSet;

use meuse_core::api::AuditVerification;
use meuse_core::time::Micros;
use meuse_store::Store;
use meuse_store::records::audit::{self, Filter, NewEntry, Order, Query};

use crate::support::{Place, entry, note, on_both, run};

on_both!(
    an_untouched_trail_is_intact,
    an_alteration_is_found,
    a_removal_is_found,
    an_insertion_is_found,
    a_new_order_is_found,
    a_cut_tail_is_found,
    several_deeds_are_told_apart,
    a_database_ahead_of_the_note_is_fine,
    evidence_is_not_written_over,
    a_missing_note_is_said,
    what_was_rolled_back_leaves_no_gap,
    sixteen_writers_leave_one_chain,
    one_transaction_may_do_several_things,
    pages_follow_each_other,
    a_filter_lets_through_what_it_says,
    a_closed_store_can_be_verified,
);

/// Makes room for one more entry at this number, or closes the gap there.
const OPEN_GAP_AT_4: &str = "UPDATE audit_entry SET seq = -seq - 1 WHERE seq >= 4; \
    UPDATE audit_entry SET seq = -seq WHERE seq < 0; UPDATE audit_head SET seq = seq + 1";
const CLOSE_GAP_AT_3: &str = "UPDATE audit_entry SET seq = -seq WHERE seq > 3; \
    UPDATE audit_entry SET seq = -seq - 1 WHERE seq < 0; UPDATE audit_head SET seq = seq - 1";
const FORGED: &str = "(seq, at, actor, project, action, subject, details, previous, mac) \
    SELECT $SEQ, at, 'mallory', project, action, subject, details, previous, mac FROM audit_entry WHERE seq = 2";

/// A store whose trail has six entries.
async fn six(place: &Place) -> Store {
    let store = place.open().await;
    for number in 1..=6 {
        note(&store, &format!("credit:{number}")).await;
    }
    store
}

async fn verify(store: &Store) -> AuditVerification {
    audit::verify(store).await.expect("the trail is read")
}

/// What verifying finds, as `3 altered`.
async fn found(store: &Store) -> Vec<String> {
    let verification = verify(store).await;
    assert_eq!(verification.intact, verification.findings.is_empty());
    let findings = verification.findings.iter();
    findings.map(|finding| format!("{} {}", finding.seq, finding.kind)).collect()
}

/// Each of these deeds, done to six entries, is found as expected.
async fn check(place: &Place, deeds: &[(&str, &[&str])]) {
    let store = six(place).await;
    for (deed, expected) in deeds {
        // A deed is undone by putting the whole trail back.
        run(
            &store,
            "CREATE TABLE kept AS SELECT * FROM audit_entry; CREATE TABLE kept_head AS SELECT * FROM audit_head",
        )
        .await;
        run(&store, deed).await;
        assert_eq!(found(&store).await, *expected, "{deed}");
        run(
            &store,
            "DELETE FROM audit_entry; INSERT INTO audit_entry SELECT * FROM kept; DROP TABLE kept; \
             DELETE FROM audit_head; INSERT INTO audit_head SELECT * FROM kept_head; DROP TABLE kept_head",
        )
        .await;
        assert_eq!(found(&store).await, [""; 0], "undone: {deed}");
    }
}

async fn an_untouched_trail_is_intact(place: Place) {
    let empty = verify(&place.open().await).await;
    assert!(empty.intact && empty.entries == 0, "{empty:?}");
    let whole = verify(&six(&place).await).await;
    assert!(whole.intact && whole.entries == 6, "{whole:?}");
}

async fn an_alteration_is_found(place: Place) {
    let deeds: &[(&str, &[&str])] = &[
        ("UPDATE audit_entry SET actor = 'bob' WHERE seq = 3", &["3 altered"]),
        ("UPDATE audit_entry SET at = at + 1 WHERE seq = 1", &["1 altered"]),
        ("UPDATE audit_entry SET project = 'other' WHERE seq = 6", &["6 altered"]),
        ("UPDATE audit_entry SET action = 'model.delete' WHERE seq = 3", &["3 altered"]),
        ("UPDATE audit_entry SET subject = 'credit:9' WHERE seq = 3", &["3 altered"]),
        ("UPDATE audit_entry SET details = '{}' WHERE seq = 3", &["3 altered"]),
        ("UPDATE audit_entry SET mac = previous WHERE seq = 3", &["3 altered"]),
        ("UPDATE audit_entry SET previous = mac WHERE seq = 3", &["3 altered"]),
        // What moves from one field to the next is altered too.
        ("UPDATE audit_entry SET actor = 'an', project = 'alending' WHERE seq = 3", &["3 altered"]),
        (
            "UPDATE audit_entry SET actor = 'bob'",
            &["1 altered", "2 altered", "3 altered", "4 altered", "5 altered", "6 altered"],
        ),
        ("UPDATE audit_head SET mac = 'ab'", &["6 altered"]),
    ];
    check(&place, deeds).await;
}

async fn a_removal_is_found(place: Place) {
    let renumbered = format!("DELETE FROM audit_entry WHERE seq = 3; {CLOSE_GAP_AT_3}");
    let deeds: &[(&str, &[&str])] = &[
        ("DELETE FROM audit_entry WHERE seq = 3", &["3 removed"]),
        ("DELETE FROM audit_entry WHERE seq = 1", &["1 removed"]),
        ("DELETE FROM audit_entry WHERE seq IN (2, 3, 5)", &["2 removed", "5 removed"]),
        (&renumbered, &["3 removed"]),
    ];
    check(&place, deeds).await;
}

async fn an_insertion_is_found(place: Place) {
    let in_the_middle = format!("{OPEN_GAP_AT_4}; INSERT INTO audit_entry {}", FORGED.replace("$SEQ", "4"));
    let at_the_end = format!("INSERT INTO audit_entry {}; UPDATE audit_head SET seq = 7", FORGED.replace("$SEQ", "7"));
    let copied = at_the_end.replace("'mallory'", "actor");
    let far_away = at_the_end.replace("SELECT 7", "SELECT 9223372036854775807");
    let deeds: &[(&str, &[&str])] = &[
        (&in_the_middle, &["4 inserted"]),
        (&at_the_end, &["7 inserted"]),
        (&copied, &["7 inserted"]),
        (&far_away, &["7 altered", "9223372036854775807 inserted"]),
    ];
    check(&place, deeds).await;
}

async fn a_new_order_is_found(place: Place) {
    let swap = |a: u8, b: u8| {
        format!(
            "UPDATE audit_entry SET seq = -1 WHERE seq = {a}; UPDATE audit_entry SET seq = {a} WHERE seq = {b}; \
             UPDATE audit_entry SET seq = {b} WHERE seq = -1"
        )
    };
    let deeds: &[(&str, &[&str])] =
        &[(&swap(3, 4), &["3 reordered", "4 reordered"]), (&swap(1, 6), &["1 reordered", "6 reordered"])];
    check(&place, deeds).await;
}

async fn a_cut_tail_is_found(place: Place) {
    let set_back = "DELETE FROM audit_entry WHERE seq > 4; \
        UPDATE audit_head SET seq = 4, mac = (SELECT mac FROM audit_entry WHERE seq = 4)";
    let deeds: &[(&str, &[&str])] = &[
        ("DELETE FROM audit_entry WHERE seq > 4", &["5 cut"]),
        (set_back, &["5 cut"]),
        ("DELETE FROM audit_entry; UPDATE audit_head SET seq = 0, mac = ''", &["1 cut"]),
        ("DELETE FROM audit_head", &["0 altered"]),
        ("UPDATE audit_head SET seq = 9223372036854775807", &["7 cut"]),
    ];
    check(&place, deeds).await;
}

async fn several_deeds_are_told_apart(place: Place) {
    let removed_and_altered = format!(
        "UPDATE audit_entry SET actor = 'bob' WHERE seq = 5; DELETE FROM audit_entry WHERE seq = 3; {CLOSE_GAP_AT_3}"
    );
    let deeds: &[(&str, &[&str])] = &[
        (&removed_and_altered, &["3 removed", "5 altered"]),
        (
            "UPDATE audit_entry SET actor = 'bob' WHERE seq = 2; DELETE FROM audit_entry WHERE seq IN (4, 6)",
            &["2 altered", "4 removed", "6 cut"],
        ),
    ];
    check(&place, deeds).await;
}

/// As after a crash between a commit and the note.
async fn a_database_ahead_of_the_note_is_fine(place: Place) {
    let store = six(&place).await;
    let earlier = std::fs::read(&place.config.audit_head).expect("there is a note");
    note(&store, "credit:7").await;
    store.close().await;
    std::fs::write(&place.config.audit_head, earlier).expect("the note is put back");
    let store = place.open().await;
    assert_eq!(found(&store).await, [""; 0]);
    note(&store, "credit:8").await;
    assert_eq!(found(&store).await, [""; 0]);
}

/// Whoever cuts the tail and lets the server go on has not hidden it.
async fn evidence_is_not_written_over(place: Place) {
    let store = six(&place).await;
    run(
        &store,
        "DELETE FROM audit_entry WHERE seq > 4; \
         UPDATE audit_head SET seq = 4, mac = (SELECT mac FROM audit_entry WHERE seq = 4)",
    )
    .await;
    store.close().await;
    let store = place.open().await;
    note(&store, "other:5").await;
    assert_eq!(found(&store).await, ["6 cut"]);
    note(&store, "other:6").await;
    note(&store, "other:7").await;
    assert_eq!(found(&store).await, ["6 altered"]);
}

async fn a_missing_note_is_said(place: Place) {
    let store = six(&place).await;
    std::fs::remove_file(&place.config.audit_head).expect("there was a note");
    assert_eq!(found(&store).await, ["6 cut"]);
    let message = verify(&store).await.findings[0].message.clone();
    assert!(message.contains("audit.head is missing"), "{message}");
}

async fn what_was_rolled_back_leaves_no_gap(place: Place) {
    let store = six(&place).await;
    let mut tx = store.begin().await.expect("a transaction begins");
    audit::append(&mut tx, entry("never"));
    drop(tx);
    note(&store, "credit:7").await;
    let verification = verify(&store).await;
    assert!(verification.intact && verification.entries == 7, "{verification:?}");
}

/// Two servers on one database, eight writers each.
async fn sixteen_writers_leave_one_chain(place: Place) {
    let stores = [place.open().await, Store::open(place.replica("replica.head")).await.expect("it opens")];
    let writers = (0..16).map(|writer| {
        let store = stores[writer % 2].clone();
        tokio::spawn(async move {
            for number in 0..8 {
                note(&store, &format!("{writer}-{number}")).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("the writer ends well");
    }
    for store in &stores {
        let verification = verify(store).await;
        assert!(verification.intact && verification.entries == 128, "{verification:?}");
    }
    let page = audit::list(&stores[0].db, "lending", &Query::first(1000)).await.expect("they are read");
    let subjects: BTreeSet<String> = page.items.into_iter().map(|entry| entry.subject).collect();
    assert_eq!(subjects.len(), 128);
}

async fn one_transaction_may_do_several_things(place: Place) {
    let store = six(&place).await;
    let mut tx = store.begin().await.expect("a transaction begins");
    audit::append(&mut tx, entry("credit:7"));
    audit::append(&mut tx, entry("credit:8"));
    tx.commit().await.expect("it commits");
    let verification = verify(&store).await;
    assert!(verification.intact && verification.entries == 8, "{verification:?}");
}

async fn pages_follow_each_other(place: Place) {
    let store = six(&place).await;
    let (mut after, mut seen) = (0, Vec::new());
    loop {
        let page = audit::list(&store.db, "lending", &Query::first(4).after(after)).await.expect("they are read");
        seen.extend(page.items.iter().map(|entry| entry.seq));
        let Some(next) = page.next else { break };
        after = next.parse().expect("a number");
    }
    assert_eq!(seen, [1, 2, 3, 4, 5, 6]);
    assert!(audit::list(&store.db, "other", &Query::first(4)).await.expect("they are read").items.is_empty());
}

async fn a_filter_lets_through_what_it_says(place: Place) {
    let store = place.open().await;
    let entries = [
        ("ana", "model.deploy", "Credit:1"),
        ("bob", "model.rollback", "credit:1"),
        ("ana", "models.odd", "100%_sure"),
        ("ana", "key.create", "1a2b3c4d"),
        ("bob", "model.deploy", "credit:2"),
    ];
    for (second, (actor, action, subject)) in entries.into_iter().enumerate() {
        let mut tx = store.begin().await.expect("a transaction begins");
        let at = Micros(second as i64 * 1_000_000);
        let (actor, action) = (actor.to_owned(), action.to_owned());
        audit::append(&mut tx, NewEntry { at, actor, action, ..entry(subject) });
        tx.commit().await.expect("it commits");
    }
    let some = |text: &str| Some(text.to_owned());
    let everything = Filter::default;
    let second = |number: i64| Some(Micros(number * 1_000_000));
    let cases = [
        (everything(), vec![1, 2, 3, 4, 5]),
        (Filter { actor: some("bob"), ..everything() }, vec![2, 5]),
        (Filter { action: some("model.deploy"), ..everything() }, vec![1, 5]),
        (Filter { action: some("model."), ..everything() }, vec![1, 2, 5]),
        (Filter { action: some("model"), ..everything() }, vec![]),
        (Filter { subject: some("CREDIT:1"), ..everything() }, vec![1, 2]),
        (Filter { subject: some("0%_s"), ..everything() }, vec![3]),
        (Filter { subject: some("_"), ..everything() }, vec![3]),
        (Filter { subject: some("!"), ..everything() }, vec![]),
        (Filter { since: second(1), until: second(4), ..everything() }, vec![2, 3, 4]),
        (Filter { actor: some("ana"), action: some("model."), since: second(1), ..everything() }, vec![]),
    ];
    for (filter, expected) in cases {
        for (order, limit) in
            [(Order::OldestFirst, 100), (Order::NewestFirst, 100), (Order::NewestFirst, 1), (Order::OldestFirst, 2)]
        {
            let mut found = Vec::new();
            let mut query = Query { filter: filter.clone(), order, after: None, limit };
            loop {
                let page = audit::list(&store.db, "lending", &query).await.expect("they are read");
                found.extend(page.items.iter().map(|entry| entry.seq));
                let Some(next) = page.next else { break };
                query = query.after(next.parse().expect("a number"));
            }
            if order == Order::NewestFirst {
                found.reverse();
            }
            assert_eq!(found, expected, "{filter:?} {order:?} {limit}");
        }
    }
}

async fn a_closed_store_can_be_verified(place: Place) {
    let store = six(&place).await;
    let open = audit::verify_apart(&place.config).await.expect("read beside the server");
    assert!(open.intact && open.entries == 6, "{open:?}");
    run(&store, "UPDATE audit_entry SET actor = 'bob' WHERE seq = 2").await;
    store.close().await;
    let closed = audit::verify_apart(&place.config).await.expect("read without a server");
    assert_eq!(closed.findings.len(), 1);
    assert_eq!((closed.findings[0].seq, closed.findings[0].kind.as_str()), (2, "altered"));
}
