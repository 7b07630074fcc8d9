use proptest::prelude::*;

use super::*;

/// The items' names, or their flaws, and what the list says of itself.
fn read(body: &[u8], sizes: &[usize]) -> (Vec<String>, Result<ListMeta, Flaw>) {
    let mut names = Vec::new();
    let mut each = |item: Item<'_>| {
        names.push(match item {
            Ok(object) => object.head.name.into_owned(),
            Err(unreadable) => unreadable.flaw.to_string(),
        });
    };
    let mut page = Page::new();
    let mut rest = body;
    let mut sizes = sizes.iter().copied().chain(std::iter::repeat(usize::MAX));
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(sizes.next().unwrap_or(1).clamp(1, rest.len()));
        rest = after;
        // Each chunk is read at once, as if it were large.
        page.enough = 0;
        if let Err(flaw) = page.feed(chunk, &mut each) {
            return (names, Err(flaw));
        }
    }
    let meta = page.end(&mut each);
    (names, meta)
}

fn meta(version: &str, continue_token: Option<&str>) -> Result<ListMeta, Flaw> {
    Ok(ListMeta { version: Some(version.into()), continue_token: continue_token.map(Into::into) })
}

const ITEMS: &str = r#"[{"metadata":{"name":"a","resourceVersion":"1"}}, {"metadata":{"name":7}},
    {"metadata":{"name":"b","resourceVersion":"2","managedFields":[{}]},"spec":{"x":"]}"}}]"#;

#[test]
fn a_list_is_read_in_any_order_of_its_keys_and_however_it_is_cut() {
    let members = [
        r#""kind":"PodList""#.to_owned(),
        r#""metadata":{"resourceVersion":"9","continue":"tok\u0065n","remainingItemCount":3}"#.to_owned(),
        format!(r#""items":{ITEMS}"#),
        r#""apiVersion":"v1""#.to_owned(),
    ];
    let names = vec!["a".to_owned(), "metadata.name is not a text".to_owned(), "b".to_owned()];
    for turn in 0..members.len() {
        let mut turned = members.clone();
        turned.rotate_left(turn);
        let body = format!("{{{}}}\n", turned.join(" , "));
        for cut in 1..body.len() {
            let (found, said) = read(body.as_bytes(), &[cut]);
            assert_eq!((found, said), (names.clone(), meta("9", Some("token"))), "cut at {cut} of {body}");
        }
        assert_eq!(read(body.as_bytes(), &vec![1; body.len()]), (names.clone(), meta("9", Some("token"))));
    }
}

#[test]
fn lists_without_items_are_lists() {
    let check = |body: &str| assert_eq!(read(body.as_bytes(), &[]), (vec![], meta("9", None)), "{body}");
    check(r#"{"metadata":{"resourceVersion":"9"},"items":[]}"#);
    check(r#"{"items":null,"metadata":{"resourceVersion":"9","continue":""}}"#);
    check(r#"{"items":[ ],"metadata":{"resourceVersion":"9"},"number":12}"#);
}

#[test]
fn what_is_no_list_is_refused() {
    let check = |body: &str, expect: &str| {
        let flaw = read(body.as_bytes(), &[]).1.expect_err(body);
        assert_eq!(flaw.to_string(), expect, "{body}");
    };
    check("", "the text ends too early");
    check("<html>", "no JSON from byte 0 on");
    check(r#"{"kind":"Status"}"#, "items is missing");
    check(r#"{"items":{}}"#, "items is not an array");
    check(r#"{"items":[]} x"#, "no JSON from byte 13 on");
    check(r#"{"items":[{"metadata":{"name":"a""#, "the text ends too early");
    check(r#"{"items":[]"#, "the text ends too early");
    check(r#"{"items":[],}"#, "no JSON from byte 12 on");
}

#[test]
fn items_that_are_no_objects_do_not_end_the_list() {
    let body = r#"{"items":[null,7,"x",[1],{"metadata":{"name":"a","resourceVersion":"1"}}],"metadata":{"resourceVersion":"9"}}"#;
    let (names, said) = read(body.as_bytes(), &[]);
    assert_eq!((names.len(), names.last().map(String::as_str)), (5, Some("a")));
    assert_eq!(said, meta("9", None));
}

#[test]
fn little_is_held_of_a_long_list() {
    let item = format!(r#"{{"metadata":{{"name":"a","resourceVersion":"1"}},"spec":"{}"}}"#, "x".repeat(8000));
    let body = format!(r#"{{"items":[{}],"metadata":{{}}}}"#, vec![item; 500].join(","));
    let mut page = Page::new();
    let mut count = 0;
    for chunk in body.as_bytes().chunks(16 << 10) {
        page.feed(chunk, |_| count += 1).expect("a list");
        assert!(page.bytes.capacity() <= 2 * AT_ONCE, "{} bytes held", page.bytes.capacity());
    }
    page.end(|_| count += 1).expect("a list");
    assert_eq!(count, 500);
}

proptest! {
    #[test]
    fn any_split_gives_the_same_items(sizes in proptest::collection::vec(1_usize..40, 0..30)) {
        let body = format!(r#"{{"kind":"PodList","items":{ITEMS},"metadata":{{"resourceVersion":"9"}}}}"#);
        prop_assert_eq!(read(body.as_bytes(), &sizes), read(body.as_bytes(), &[]));
    }

    #[test]
    fn any_bytes_end_in_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..100), sizes in proptest::collection::vec(1_usize..9, 0..9)) {
        let mut body = br#"{"items":["#.to_vec();
        body.extend(bytes);
        let _ = read(&body, &sizes);
    }
}
