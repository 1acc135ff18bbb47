//! Lists, page by page.

use stubmart_kernel::{
    aggregate::Key,
    page::{Cursor, PageError, PageRequest},
};
use uuid::Uuid;

use crate::ledger::{LENGTH, World, append, context, number};

/// Ledgers with one entry each, from one number to another.
async fn fill(world: &World, ids: impl Iterator<Item = u64>) {
    for id in ids.map(number) {
        world.ledgers.apply(&context(), id, &append(id, &id.to_string(), 1)).await.unwrap();
    }
}

/// One page of the ledgers with so many entries, and where the next begins.
async fn page(
    world: &World,
    length: u32,
    (limit, cursor): (usize, Option<Cursor>),
    keep: impl Fn(Uuid) -> bool + Send + Sync,
) -> Result<(Vec<Uuid>, Option<Cursor>), PageError> {
    let scan = world.ledgers.scan(LENGTH, &Key::new().number(length));
    let request = PageRequest { limit, cursor };
    let page = world.ledgers.page(scan, &request, |ledger| keep(ledger.id)).await?;
    Ok((page.items.into_iter().map(|it| it.state.id).collect(), page.next))
}

/// Page after page gives every item once and in order, while others are added behind and taken out; the
/// last page has no next one, however full it is.
#[tokio::test]
async fn page_after_page_gives_every_item_once() {
    for limit in [1, 3, 10, 30, 50] {
        let world = World::new();
        fill(&world, 1..=30).await;
        let (mut seen, mut cursor, mut pages) = (Vec::new(), None, 0);
        loop {
            let (items, next) = page(&world, 1, (limit, cursor), |_| true).await.unwrap();
            seen.extend(items);
            pages += 1;
            // The item that the cursor stands behind goes from the list.
            let last = *seen.last().unwrap();
            world.ledgers.apply(&context(), last, &append(last, "", 2)).await.unwrap();
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, (1..=30).map(number).collect::<Vec<_>>(), "{limit}");
        assert_eq!(pages, 30_usize.div_ceil(limit), "{limit}");
    }
}

/// A filter that no index answers reads on until the page is full: a page is short only at the end.
#[tokio::test]
async fn a_filtered_page_is_short_only_at_the_end() {
    let world = World::new();
    fill(&world, 1..=1300).await;
    let wanted = [3, 700, 1298, 1299, 1300].map(number);
    let keep = |id| wanted.contains(&id);
    let (first, next) = page(&world, 1, (3, None), keep).await.unwrap();
    assert_eq!(first, wanted[..3]);
    let (second, next) = page(&world, 1, (3, Some(next.unwrap())), keep).await.unwrap();
    assert_eq!((second.as_slice(), next), (&wanted[3..], None));
    assert_eq!(page(&world, 1, (3, None), |_| false).await.unwrap(), (Vec::new(), None));
}

/// A cursor belongs to the list that gave it: another list refuses it, whether its keys come before or
/// after.
#[tokio::test]
async fn a_cursor_of_another_list_is_refused() {
    let world = World::new();
    fill(&world, 1..=2).await;
    let (_, cursor) = page(&world, 1, (1, None), |_| true).await.unwrap();
    for other in [0, 2] {
        let refused = page(&world, other, (1, cursor.clone()), |_| true).await;
        assert!(matches!(refused, Err(PageError::ForeignCursor)), "{refused:?}");
    }
}

/// A cursor is read as it was written, and no other text is one.
#[test]
fn a_cursor_is_read_as_it_was_written() {
    let cursor = Cursor::behind(vec![0, 255, 7]);
    assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
    for text in ["*", "AA==", "A"] {
        assert_eq!(Cursor::decode(text), None, "{text}");
    }
}
