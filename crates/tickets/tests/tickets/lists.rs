//! Lists of tickets: every filter is exact, in every order, page by page, and reads little.

use stubmart_contract::{
    Currency, EventId, TicketId, Timestamp, UserId,
    api::{
        CreateTicketRequest,
        TicketStatus::{self, Available, Locked, Sold, Withdrawn},
    },
    calls::ShowForListing,
    fees::{Breakdown, Fee, FeeRule, FeeSchedule},
    seats::normal_section,
};
use stubmart_kernel::{
    Precondition,
    page::{Cursor, PageError, PageRequest},
};
use stubmart_suite::host::START;
use stubmart_tickets::{
    Tickets,
    list_tickets::{Sort, TicketQuery},
    ticket::Ticket,
};

use crate::world::{CONTEXT, FAUST, HAMLET, OTHER, SELLER, World, listing, show};

const ALL: TicketQuery = TicketQuery {
    event_id: None,
    seller_id: None,
    status: None,
    section: None,
    min_price: None,
    max_price: None,
    quantity: None,
    external_id: None,
    words: Vec::new(),
    sort: Sort::Newest,
    viewer: None,
};

/// The whole list, page by page.
async fn pages(tickets: &Tickets, query: &TicketQuery, limit: usize) -> Vec<TicketId> {
    let mut page = PageRequest { limit, cursor: None };
    let mut listed = Vec::new();
    loop {
        let found = tickets.list_tickets(query, &page).await.unwrap();
        let ids = found.items.iter().map(|it| it.state.id);
        listed.extend(ids);
        let Some(next) = found.next else { return listed };
        assert_eq!(found.items.len(), limit, "a page is full where another one follows");
        page.cursor = Some(next);
    }
}

/// What a buyer pays for one ticket, in which currency.
fn each(ticket: &Ticket) -> (Currency, u32) {
    let total = Breakdown::new(ticket.price, ticket.fees).total.minor();
    (ticket.currency, total.div_ceil(ticket.quantity))
}

/// What the list has to be, by the letter of the API.
fn expected(all: &[Ticket], query: &TicketQuery) -> Vec<TicketId> {
    let own = query.viewer.is_some() && query.viewer == query.seller_id;
    let mut listed: Vec<&Ticket> = all
        .iter()
        .filter(|it| match &query.status {
            Some(statuses) => statuses.contains(&it.status),
            None => own || matches!(it.status, Available | Locked),
        })
        .filter(|it| it.status != Withdrawn || query.viewer == Some(it.user_id))
        .filter(|it| query.event_id.is_none_or(|id| it.event_id == Some(id)))
        .filter(|it| query.seller_id.is_none_or(|id| it.user_id == id))
        .filter(|it| query.min_price.is_none_or(|min| each(it).1 >= min))
        .filter(|it| query.max_price.is_none_or(|max| each(it).1 <= max))
        .filter(|it| match &query.section {
            Some(section) => *section == normal_section(it.section.as_deref().unwrap_or_default()),
            None => true,
        })
        .filter(|it| query.quantity.is_none_or(|quantity| it.quantity == quantity))
        .collect();
    match query.sort {
        Sort::Price => listed.sort_by_key(|it| (each(it), it.id)),
        Sort::PriceDescending => listed.sort_by_key(|it| std::cmp::Reverse((each(it), it.id))),
        Sort::Newest => listed.sort_by_key(|it| std::cmp::Reverse(it.id)),
    }
    listed.iter().map(|it| it.id).collect()
}

/// A market with tickets of every kind.
async fn market(world: &World, tickets: &Tickets) -> Vec<Ticket> {
    let mut ids = Vec::new();
    for number in 0_u32..60 {
        let event_id = [Some(HAMLET), Some(FAUST), None][usize::try_from(number % 3).unwrap()];
        let quantity = [1, 2, 4][usize::try_from(number / 3 % 3).unwrap()];
        let seller = if number % 5 < 3 { SELLER } else { OTHER };
        let section = [None, Some("Stalls"), Some("12"), Some("sec. STALLS")];
        let section = section[usize::try_from(number % 4).unwrap()].map(str::to_owned);
        let price = i64::from(100 + number * 37 % 11);
        let listing = CreateTicketRequest { section, ..listing(event_id, quantity, price) };
        let id = world.list(tickets, seller, listing).await;
        match number % 7 {
            0 => drop(world.lock(tickets, id, START).await),
            1 | 2 => world.sell(tickets, id).await,
            3 => {
                let any = Precondition::None;
                tickets.withdraw_ticket(&CONTEXT, id, seller, &any).await.unwrap();
            }
            _ => {}
        }
        ids.push(id);
    }
    let mut all = Vec::new();
    for id in ids {
        let found = tickets.ticket(id, Some(SELLER)).await.unwrap();
        let found = match found {
            Some(found) => Some(found),
            None => tickets.ticket(id, Some(OTHER)).await.unwrap(),
        };
        all.push(found.unwrap().state);
    }
    all
}

/// Buyers pay a tenth, and a fixed part beside it for one event.
fn fees() -> FeeSchedule {
    let hamlet = FeeRule {
        event: Some(HAMLET),
        currency: Some(Currency::USD),
        buyer: Some(Fee { fixed: 30, ..Fee::share(1000) }),
        ..FeeRule::default()
    };
    FeeSchedule { buyer: Fee::share(1000), rules: vec![hamlet], ..FeeSchedule::default() }
}

/// Every combination of filters and orders, for visitors, sellers and others, in a market with fees and with
/// two currencies.
#[tokio::test]
async fn every_list_is_exact_in_every_order_page_by_page() {
    let world = World::new();
    let faust = ShowForListing { currency: "jpy".parse().unwrap(), ..show(FAUST) };
    world.catalogue.otherwise.lock().unwrap().insert(FAUST, faust);
    let tickets = world.start_with(fees());
    let all = market(&world, &tickets).await;
    let events: [Option<EventId>; 2] = [None, Some(HAMLET)];
    let sellers: [Option<UserId>; 3] = [None, Some(SELLER), Some(OTHER)];
    let statuses: [Option<Vec<TicketStatus>>; 7] = [
        None,
        Some(vec![Available]),
        Some(vec![Locked]),
        Some(vec![Sold]),
        Some(vec![Withdrawn]),
        Some(vec![Available, Sold]),
        Some(vec![Locked, Withdrawn]),
    ];
    let bounds = [(None, None), (Some(59), None), (Some(30), Some(71)), (Some(9), Some(1))];
    let sections = [None, Some("stalls".to_owned()), Some(String::new())];
    let mut lists = 0;
    for (event_id, seller_id) in events.into_iter().flat_map(|it| sellers.map(|other| (it, other)))
    {
        for (status, (min_price, max_price)) in
            statuses.iter().flat_map(|it| bounds.map(|bound| (it.clone(), bound)))
        {
            for (quantity, sort) in [None, Some(2), Some(50)].into_iter().flat_map(|it| {
                [Sort::Price, Sort::PriceDescending, Sort::Newest].map(|sort| (it, sort))
            }) {
                for (viewer, section) in [None, Some(SELLER)]
                    .into_iter()
                    .flat_map(|it| sections.iter().map(move |section| (it, section.clone())))
                {
                    let status = status.clone();
                    let query = TicketQuery {
                        event_id,
                        seller_id,
                        status,
                        section,
                        min_price,
                        max_price,
                        quantity,
                        external_id: None,
                        words: Vec::new(),
                        sort,
                        viewer,
                    };
                    let limit = 1 + lists % 5;
                    let listed = pages(&tickets, &query, limit).await;
                    assert_eq!(listed, expected(&all, &query), "{query:?}");
                    lists += 1;
                }
            }
        }
    }
    assert_eq!(lists, 2 * 3 * 7 * 4 * 3 * 3 * 2 * 3);
}

/// Filters that hardly anything fits find it without reading the market.
#[tokio::test]
async fn a_filter_reads_little_more_than_it_finds() {
    let world = World::new();
    let tickets = world.start();
    let rare = CreateTicketRequest {
        section: Some("Royal box".to_owned()),
        ..listing(Some(HAMLET), 7, 6_300)
    };
    let rare = world.list(&tickets, SELLER, rare).await;
    for number in 0..3_000 {
        let seller = if number < 20 { SELLER } else { OTHER };
        world.list(&tickets, seller, listing(Some(HAMLET), 1, 1_000 + number)).await;
    }
    let held = world.list(&tickets, OTHER, listing(Some(FAUST), 1, 5_000)).await;
    world.lock(&tickets, held, START).await;
    let sold = world.list(&tickets, OTHER, listing(Some(FAUST), 1, 6_000)).await;
    world.sell(&tickets, sold).await;
    let royal = || Some("royal box".to_owned());
    let prices = [Sort::Price, Sort::PriceDescending, Sort::Newest];
    for sort in prices {
        for (query, found) in [
            (TicketQuery { quantity: Some(7), ..ALL }, vec![rare]),
            (TicketQuery { event_id: Some(HAMLET), quantity: Some(7), ..ALL }, vec![rare]),
            (TicketQuery { max_price: Some(999), ..ALL }, vec![rare]),
            (TicketQuery { event_id: Some(HAMLET), max_price: Some(999), ..ALL }, vec![rare]),
            (TicketQuery { seller_id: Some(SELLER), quantity: Some(7), ..ALL }, vec![rare]),
            (TicketQuery { status: Some(vec![Locked]), ..ALL }, vec![held]),
            (TicketQuery { status: Some(vec![Sold]), ..ALL }, vec![sold]),
            (TicketQuery { event_id: Some(FAUST), ..ALL }, vec![held]),
            (TicketQuery { quantity: Some(8), ..ALL }, vec![]),
            (TicketQuery { section: royal(), ..ALL }, vec![rare]),
            (TicketQuery { event_id: Some(HAMLET), section: royal(), ..ALL }, vec![rare]),
            (
                TicketQuery {
                    event_id: Some(HAMLET),
                    section: royal(),
                    quantity: Some(7),
                    max_price: Some(900),
                    ..ALL
                },
                vec![rare],
            ),
            (
                TicketQuery {
                    event_id: Some(HAMLET),
                    section: royal(),
                    max_price: Some(899),
                    ..ALL
                },
                vec![],
            ),
        ] {
            let query = TicketQuery { sort, ..query };
            world.store.take_found();
            assert_eq!(pages(&tickets, &query, 50).await, found, "{query:?}");
            let read = world.store.take_found();
            assert!(read <= 60, "{read} rows were read for {query:?}");
        }
        world.store.take_found();
        let (all, first) = (TicketQuery { sort, ..ALL }, PageRequest::default());
        assert_eq!(tickets.list_tickets(&all, &first).await.unwrap().items.len(), 50);
        let read = world.store.take_found();
        assert!(read <= 120, "{read} rows were read for the first page");
    }
}

/// FOUND C: prices were compared by the lot. One ticket of two at 21.00 costs more than one at 10.00, until a
/// fixed fee makes it the cheaper one.
#[tokio::test]
async fn lists_by_price_go_by_the_ticket_and_follow_fees_that_change() {
    let world = World::new();
    let tickets = world.start();
    let one = world.list(&tickets, SELLER, listing(Some(HAMLET), 1, 1_000)).await;
    let two = world.list(&tickets, SELLER, listing(Some(HAMLET), 2, 2_100)).await;
    let other = world.list(&tickets, SELLER, listing(Some(FAUST), 1, 1_040)).await;
    let by_price = TicketQuery { sort: Sort::Price, ..ALL };
    let up_to = |max| TicketQuery { max_price: Some(max), ..by_price.clone() };
    assert_eq!(pages(&tickets, &by_price, 2).await, [one, other, two]);
    assert_eq!(pages(&tickets, &up_to(1_049), 50).await, [one, other]);
    assert_eq!(pages(&tickets, &up_to(1_050), 50).await, [one, other, two]);

    let fixed = Fee { fixed: 400, ..Fee::default() };
    let rule = FeeRule {
        event: Some(HAMLET),
        currency: Some(Currency::USD),
        buyer: Some(fixed),
        ..FeeRule::default()
    };
    let schedule = FeeSchedule { rules: vec![rule], ..FeeSchedule::default() };
    let tickets = world.start_with(schedule);
    let workers = tickets.workers();
    workers.iter().find(|it| it.name() == "tickets-fees").unwrap().step().await.unwrap();
    assert_eq!(pages(&tickets, &by_price, 2).await, [other, two, one]);
    assert_eq!(pages(&tickets, &up_to(1_249), 50).await, [other]);
    assert_eq!(pages(&tickets, &up_to(1_250), 50).await, [other, two]);
    let of_event = TicketQuery { event_id: Some(HAMLET), min_price: Some(1_251), ..by_price };
    assert_eq!(pages(&tickets, &of_event, 50).await, [one]);
}

/// A cursor of another order, or of another list altogether, is refused.
#[tokio::test]
async fn a_cursor_of_another_list_is_refused() {
    let world = World::new();
    let tickets = world.start();
    for price in 101..=103 {
        world.list(&tickets, SELLER, listing(None, 1, price)).await;
    }
    let first = PageRequest { limit: 1, cursor: None };
    let newest = tickets.list_tickets(&ALL, &first).await.unwrap().next;
    let by_price = TicketQuery { sort: Sort::Price, ..ALL };
    for cursor in [newest, Some(Cursor::behind(Vec::new()))] {
        let page = PageRequest { limit: 1, cursor };
        let refused = tickets.list_tickets(&by_price, &page).await.unwrap_err();
        assert!(matches!(refused, PageError::ForeignCursor));
    }
}

/// A list is stable while others list: what comes in between changes no later page.
#[tokio::test]
async fn a_list_is_stable_while_others_insert() {
    let world = World::new();
    let tickets = world.start();
    for price in [110, 120, 130, 140] {
        world.list(&tickets, SELLER, listing(Some(HAMLET), 1, price)).await;
    }
    let query = TicketQuery { event_id: Some(HAMLET), sort: Sort::Price, ..ALL };
    let first = PageRequest { limit: 2, cursor: None };
    let first = tickets.list_tickets(&query, &first).await.unwrap();
    world.list(&tickets, SELLER, listing(Some(HAMLET), 1, 105)).await;
    let second = PageRequest { limit: 9, cursor: first.next };
    let second = tickets.list_tickets(&query, &second).await.unwrap();
    let prices: Vec<_> = second.items.iter().map(|it| it.state.price.minor()).collect();
    assert_eq!(prices, [130, 140]);
    assert!(second.items.iter().all(|it| it.state.created_at >= Timestamp::EPOCH));
}
