-- A market as commit 57b01eb wrote it (schema 1): two users, one of whom bought the other's ticket, with
-- all events of that. Made with `.dump` from a directory that the binary of that commit had served.
PRAGMA application_id = 1937012066;
PRAGMA user_version = 1;
BEGIN;
CREATE TABLE name(
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE document(
    number INTEGER PRIMARY KEY,
    collection INTEGER NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    save_id BLOB NOT NULL,
    event_count INTEGER NOT NULL,
    entries BLOB NOT NULL,
    body BLOB NOT NULL,
    UNIQUE(collection, id)
) STRICT;
CREATE TABLE entry(
    name INTEGER NOT NULL,
    key BLOB NOT NULL,
    document INTEGER NOT NULL,
    id BLOB,
    PRIMARY KEY(name, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE event(
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    service TEXT,
    type TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE TABLE published(
    service TEXT PRIMARY KEY,
    seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE consumer(
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    cursor INTEGER NOT NULL
) STRICT;
CREATE TABLE retry(
    consumer INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    due INTEGER NOT NULL,
    PRIMARY KEY(consumer, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX retry_due ON retry(consumer, due);
CREATE TABLE dead(
    consumer INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY(consumer, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE timer(
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    key BLOB NOT NULL UNIQUE,
    due INTEGER NOT NULL,
    leased_until INTEGER,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX timer_due ON timer(due, leased_until);
CREATE INDEX timer_leased ON timer(leased_until) WHERE leased_until IS NOT NULL;
CREATE TABLE probe(
    id INTEGER PRIMARY KEY,
    count INTEGER NOT NULL
) STRICT;
INSERT INTO name VALUES(1,'tickets.event/natural');
INSERT INTO name VALUES(2,'tickets.event/added');
INSERT INTO name VALUES(3,'tickets.event');
INSERT INTO name VALUES(4,'tickets.ticket/event_price');
INSERT INTO name VALUES(5,'tickets.ticket/event_newest');
INSERT INTO name VALUES(6,'tickets.ticket/price');
INSERT INTO name VALUES(7,'tickets.ticket/newest');
INSERT INTO name VALUES(8,'tickets.ticket/seller_price');
INSERT INTO name VALUES(9,'tickets.ticket/seller_newest');
INSERT INTO name VALUES(10,'tickets.ticket/locked');
INSERT INTO name VALUES(11,'tickets.ticket');
INSERT INTO name VALUES(12,'auth.user/email');
INSERT INTO name VALUES(13,'auth.user/notices');
INSERT INTO name VALUES(14,'auth.user');
INSERT INTO name VALUES(15,'auth.session/token');
INSERT INTO name VALUES(16,'auth.session/user');
INSERT INTO name VALUES(17,'auth.session/purge');
INSERT INTO name VALUES(18,'auth.session');
INSERT INTO name VALUES(19,'auth.idempotency/created');
INSERT INTO name VALUES(20,'auth.idempotency');
INSERT INTO name VALUES(21,'tickets.idempotency/created');
INSERT INTO name VALUES(22,'tickets.idempotency');
INSERT INTO name VALUES(23,'orders.order/live_ticket');
INSERT INTO name VALUES(24,'orders.order/buyer');
INSERT INTO name VALUES(25,'orders.order/buyer_open');
INSERT INTO name VALUES(26,'orders.order/leaving');
INSERT INTO name VALUES(27,'orders.order');
INSERT INTO name VALUES(28,'orders.idempotency/created');
INSERT INTO name VALUES(29,'orders.idempotency');
INSERT INTO name VALUES(30,'payments.charge/attempt');
INSERT INTO name VALUES(31,'payments.charge/buyer');
INSERT INTO name VALUES(32,'payments.charge/due');
INSERT INTO name VALUES(33,'payments.charge/order');
INSERT INTO name VALUES(34,'payments.charge');
INSERT INTO name VALUES(35,'payments.idempotency/created');
INSERT INTO name VALUES(36,'payments.idempotency');
INSERT INTO name VALUES(37,'tickets.departed');
INSERT INTO name VALUES(38,'orders.departed');
INSERT INTO name VALUES(39,'sandbox.intent/intent');
INSERT INTO name VALUES(40,'sandbox.intent');
INSERT INTO document VALUES(1,14,x'01a22076362573dd9850fe5e2c20b992',1,x'01a2207636e17104a00618cfd7cebdce',1,x'0c127573657231406578616d706c652e636f6d00',CAST('{"id":"01a22076-3625-73dd-9850-fe5e2c20b992","created_at":"2026-11-28T04:42:27.937Z","account":{"version":1,"email":"user1@example.com","name":"User 1","password_hash":"$argon2id$v=19$m=19456,t=2,p=1$NHvf3DMF65gkoaTlEF5MYQ$dV0cKoEKfaaUwKoltaQS2A9ck+VRrewBIZtT7cY0Ee4","password_number":1,"kept_session":null},"notices":[]}' AS BLOB));
INSERT INTO document VALUES(81,14,x'01a220763c8073bea86a8fd29170258b',1,x'01a220763cec735abfa06a3c7b27dc0b',1,x'0c13757365723430406578616d706c652e636f6d00',CAST('{"id":"01a22076-3c80-73be-a86a-8fd29170258b","created_at":"2026-11-28T04:42:29.484Z","account":{"version":1,"email":"user40@example.com","name":"User 40","password_hash":"$argon2id$v=19$m=19456,t=2,p=1$cDNoXQKZAjAJPowp+Y5J9A$7D81hl7sJBxAEZqWrYNUeK25D8SZTqOqNDTyozOwwQU","password_number":1,"kept_session":null},"notices":[]}' AS BLOB));
INSERT INTO document VALUES(83,18,x'01a220763d05701b8ac4deacb41e3747',1,x'01a220763d05701b8ac4deacd28e1e0f',0,x'0f2c6748707273446b37744f58513637304e6d656670565259625f6d5831717235347a6d71474938587167614900102c01a220763c8073bea86a8fd29170258b00000000800001a220763d0501a220763d05701b8ac4deacb41e37471118800001a2baf5050501a220763d05701b8ac4deacb41e3747',CAST('{"id":"01a22076-3d05-701b-8ac4-deacb41e3747","user_id":"01a22076-3c80-73be-a86a-8fd29170258b","token_hash":"gHprsDk7tOXQ670NmefpVRYb_mX1qr54zmqGI8XqgaI","created_at":"2026-11-28T04:42:29.509Z","last_seen_at":"2026-11-28T04:42:29.509Z","kind":{"type":"browser","user_agent":"","password_number":1,"expires_at":"2026-12-28T04:42:29.509Z"}}' AS BLOB));
INSERT INTO document VALUES(412,3,x'01a220764a3a70759cc5f232d789e504',1,x'01a220764a3a70759cc5f2337c43e76d',0,x'01366e69676874203131207769746820c3bc6ec3af636f64650068616c6c2031310073c3a36f207061756c6f00737000800001c7275806c00218800001a220764a3a01a220764a3a70759cc5f232d789e504',CAST('{"id":"01a22076-4a3a-7075-9cc5-f232d789e504","name":"Night 11 with Ünïcode","category":"Pop","venue":{"name":"Hall 11","city":"São Paulo","region":"SP"},"startsAt":"2031-12-12T19:30:00.000Z","createdAt":"2026-11-28T04:42:32.890Z"}' AS BLOB));
INSERT INTO document VALUES(622,11,x'01a220764ab2715895c06cddab4dfd36',3,x'01a220764d3577a7b606918c82c295dd',3,x'042801a220764a3a70759cc5f232d789e504000000010000905f01a220764ab2715895c06cddab4dfd36052401a220764a3a70759cc5f232d789e5040000000101a220764ab2715895c06cddab4dfd360618000000010000905f01a220764ab2715895c06cddab4dfd3607140000000101a220764ab2715895c06cddab4dfd36082401a22076362573dd9850fe5e2c20b9920000905f01a220764ab2715895c06cddab4dfd36092001a22076362573dd9850fe5e2c20b99201a220764ab2715895c06cddab4dfd36',CAST('{"id":"01a22076-4ab2-7158-95c0-6cddab4dfd36","userId":"01a22076-3625-73dd-9850-fe5e2c20b992","title":"Stalls row 1, 3 together","price":36959,"currency":"usd","status":"sold","eventId":"01a22076-4a3a-7075-9cc5-f232d789e504","section":"Stalls","row":"1","seats":["41","42","43"],"quantity":3,"orderId":"01a22076-4d22-7647-be93-1e02b6e68ad6","buyerId":"01a22076-3c80-73be-a86a-8fd29170258b","createdAt":"2026-11-28T04:42:33.011Z","updatedAt":"2026-11-28T04:42:33.653Z"}' AS BLOB));
INSERT INTO document VALUES(2717,29,x'cd5ddd8a554c89af99a9f20ec48c01f1',2,x'01a220764d2774f0bf905d5a12661882',0,x'1c18800001a220764d22cd5ddd8a554c89af99a9f20ec48c01f1',CAST('{"id":"cd5ddd8a-554c-89af-99a9-f20ec48c01f1","request":"448ff102457ac4c6193efe91a2b95a610cb50568ce05a049a33a4f922330f5bb","creates":"01a22076-4d22-7647-be93-1e02b6e68ad6","created_at":"2026-11-28T04:42:33.634Z","worker":"01a22076-35f8-7413-aff3-74de757d0bf1","working_until":"2026-11-28T04:42:33.639Z","answer":{"status":201,"etag":1,"body":{"id":"01a22076-4d22-7647-be93-1e02b6e68ad6","userId":"01a22076-3c80-73be-a86a-8fd29170258b","status":"created","ticketId":"01a22076-4ab2-7158-95c0-6cddab4dfd36","price":36959,"currency":"usd","expiresAt":"2026-11-29T04:42:33.635Z","serverTime":"2026-11-28T04:42:33.639Z","cancelReason":null,"ticket":{"title":"Stalls row 1, 3 together","eventId":"01a22076-4a3a-7075-9cc5-f232d789e504","section":"Stalls","row":"1","seats":["41","42","43"],"quantity":3},"createdAt":"2026-11-28T04:42:33.635Z","updatedAt":"2026-11-28T04:42:33.635Z"}}}' AS BLOB));
INSERT INTO document VALUES(2725,27,x'01a220764d227647be931e02b6e68ad6',3,x'01a220764d347500be46f50178af996b',3,x'171001a220764ab2715895c06cddab4dfd36182001a220763c8073bea86a8fd29170258b01a220764d227647be931e02b6e68ad6',CAST('{"id":"01a22076-4d22-7647-be93-1e02b6e68ad6","userId":"01a22076-3c80-73be-a86a-8fd29170258b","sellerId":"01a22076-3625-73dd-9850-fe5e2c20b992","status":"completed","ticketId":"01a22076-4ab2-7158-95c0-6cddab4dfd36","price":36959,"currency":"usd","expiresAt":"2026-11-29T04:42:33.635Z","chargeId":"01a22076-4d28-72ce-ab5b-8f13f6d0d8aa","ticket":{"title":"Stalls row 1, 3 together","eventId":"01a22076-4a3a-7075-9cc5-f232d789e504","section":"Stalls","row":"1","seats":["41","42","43"],"quantity":3},"createdAt":"2026-11-28T04:42:33.635Z","updatedAt":"2026-11-28T04:42:33.652Z"}' AS BLOB));
INSERT INTO document VALUES(2735,34,x'01a220764d2872ceab5b8f13f6d0d8aa',3,x'01a220764d327541b938342306052fb5',2,x'1e1401a220764d227647be931e02b6e68ad6000000011f2801a220763c8073bea86a8fd29170258b800001a220764d2801a220764d2872ceab5b8f13f6d0d8aa213801a220764d227647be931e02b6e68ad601a220763c8073bea86a8fd29170258b800001a220764d2801a220764d2872ceab5b8f13f6d0d8aa',CAST('{"id":"01a22076-4d28-72ce-ab5b-8f13f6d0d8aa","orderId":"01a22076-4d22-7647-be93-1e02b6e68ad6","userId":"01a22076-3c80-73be-a86a-8fd29170258b","attempt":1,"amount":36959,"currency":"usd","paymentMethod":null,"stage":"completed","stripeId":"pi_01a220764d29778fb4a1a0fe261520ea","stripeRefundId":null,"dueAt":null,"looks":0,"createdAt":"2026-11-28T04:42:33.640Z","updatedAt":"2026-11-28T04:42:33.650Z"}' AS BLOB));
INSERT INTO document VALUES(2742,40,x'01a220764d2872ceab5b8f13f6d0d8aa',2,x'01a220764d31741d9157194a8a024a6a',0,x'272470695f303161323230373634643239373738666234613161306665323631353230656100',CAST('{"id":"pi_01a220764d29778fb4a1a0fe261520ea","chargeId":"01a22076-4d28-72ce-ab5b-8f13f6d0d8aa","orderId":"01a22076-4d22-7647-be93-1e02b6e68ad6","amount":36959,"currency":"usd","paymentMethod":"pm_card_visa","clientSecret":"pi_01a220764d29778fb4a1a0fe261520ea_secret_f9e616a1ed2f4672145e64b0460466cdeca973222c29e3d5bf4eb8866c2e33cf","status":{"succeeded":{"refund_id":null}},"createdAt":"2026-11-28T04:42:33.641Z"}' AS BLOB));
INSERT INTO entry VALUES(1,x'6e69676874203131207769746820c3bc6ec3af636f64650068616c6c2031310073c3a36f207061756c6f00737000800001c7275806c0',412,x'01a220764a3a70759cc5f232d789e504');
INSERT INTO entry VALUES(2,x'800001a220764a3a01a220764a3a70759cc5f232d789e504',412,NULL);
INSERT INTO entry VALUES(4,x'01a220764a3a70759cc5f232d789e504000000010000905f01a220764ab2715895c06cddab4dfd36',622,NULL);
INSERT INTO entry VALUES(5,x'01a220764a3a70759cc5f232d789e5040000000101a220764ab2715895c06cddab4dfd36',622,NULL);
INSERT INTO entry VALUES(6,x'000000010000905f01a220764ab2715895c06cddab4dfd36',622,NULL);
INSERT INTO entry VALUES(7,x'0000000101a220764ab2715895c06cddab4dfd36',622,NULL);
INSERT INTO entry VALUES(8,x'01a22076362573dd9850fe5e2c20b9920000905f01a220764ab2715895c06cddab4dfd36',622,NULL);
INSERT INTO entry VALUES(9,x'01a22076362573dd9850fe5e2c20b99201a220764ab2715895c06cddab4dfd36',622,NULL);
INSERT INTO entry VALUES(12,x'7573657231406578616d706c652e636f6d00',1,x'01a22076362573dd9850fe5e2c20b992');
INSERT INTO entry VALUES(12,x'757365723430406578616d706c652e636f6d00',81,x'01a220763c8073bea86a8fd29170258b');
INSERT INTO entry VALUES(15,x'6748707273446b37744f58513637304e6d656670565259625f6d5831717235347a6d71474938587167614900',83,x'01a220763d05701b8ac4deacb41e3747');
INSERT INTO entry VALUES(16,x'01a220763c8073bea86a8fd29170258b00000000800001a220763d0501a220763d05701b8ac4deacb41e3747',83,NULL);
INSERT INTO entry VALUES(17,x'800001a2baf5050501a220763d05701b8ac4deacb41e3747',83,NULL);
INSERT INTO entry VALUES(23,x'01a220764ab2715895c06cddab4dfd36',2725,x'01a220764d227647be931e02b6e68ad6');
INSERT INTO entry VALUES(24,x'01a220763c8073bea86a8fd29170258b01a220764d227647be931e02b6e68ad6',2725,NULL);
INSERT INTO entry VALUES(28,x'800001a220764d22cd5ddd8a554c89af99a9f20ec48c01f1',2717,NULL);
INSERT INTO entry VALUES(30,x'01a220764d227647be931e02b6e68ad600000001',2735,x'01a220764d2872ceab5b8f13f6d0d8aa');
INSERT INTO entry VALUES(31,x'01a220763c8073bea86a8fd29170258b800001a220764d2801a220764d2872ceab5b8f13f6d0d8aa',2735,NULL);
INSERT INTO entry VALUES(33,x'01a220764d227647be931e02b6e68ad601a220763c8073bea86a8fd29170258b800001a220764d2801a220764d2872ceab5b8f13f6d0d8aa',2735,NULL);
INSERT INTO entry VALUES(39,x'70695f303161323230373634643239373738666234613161306665323631353230656100',2742,x'01a220764d2872ceab5b8f13f6d0d8aa');
INSERT INTO event VALUES(1,x'01a2207636e17104a00618ceee2fc019','auth','USER_CREATED',CAST('{"id":"01a22076-36e1-7104-a006-18ceee2fc019","type":"USER_CREATED","schema":1,"aggregateId":"01a22076-3625-73dd-9850-fe5e2c20b992","version":1,"at":"2026-11-28T04:42:27.937Z","causationId":"01a22076-36e1-7104-a006-18ceee2fc019","correlationId":"01a22076-36e1-7104-a006-18ceee2fc019","payload":{"id":"01a22076-3625-73dd-9850-fe5e2c20b992"}}' AS BLOB));
INSERT INTO event VALUES(2,x'01a220763cec735abfa06a3c5da62a62','auth','USER_CREATED',CAST('{"id":"01a22076-3cec-735a-bfa0-6a3c5da62a62","type":"USER_CREATED","schema":1,"aggregateId":"01a22076-3c80-73be-a86a-8fd29170258b","version":1,"at":"2026-11-28T04:42:29.484Z","causationId":"01a22076-3cec-735a-bfa0-6a3c5da62a62","correlationId":"01a22076-3cec-735a-bfa0-6a3c5da62a62","payload":{"id":"01a22076-3c80-73be-a86a-8fd29170258b"}}' AS BLOB));
INSERT INTO event VALUES(3,x'01a220764ab37195bc11817878da602a','tickets','TICKET_CREATED',CAST('{"id":"01a22076-4ab3-7195-bc11-817878da602a","type":"TICKET_CREATED","schema":1,"aggregateId":"01a22076-4ab2-7158-95c0-6cddab4dfd36","version":1,"at":"2026-11-28T04:42:33.011Z","causationId":"01a22076-4ab3-7195-bc11-817878da602a","correlationId":"01a22076-4ab3-7195-bc11-817878da602a","payload":{"id":"01a22076-4ab2-7158-95c0-6cddab4dfd36","userId":"01a22076-3625-73dd-9850-fe5e2c20b992","title":"Stalls row 1, 3 together","price":36959,"currency":"usd","status":"available","eventId":"01a22076-4a3a-7075-9cc5-f232d789e504","section":"Stalls","row":"1","seats":["41","42","43"],"quantity":3,"orderId":null,"buyerId":null,"lockedUntil":null,"createdAt":"2026-11-28T04:42:33.011Z","updatedAt":"2026-11-28T04:42:33.011Z"}}' AS BLOB));
INSERT INTO event VALUES(4,x'01a220764d23708895ded445dde8ca72','tickets','TICKET_UPDATED',CAST('{"id":"01a22076-4d23-7088-95de-d445dde8ca72","type":"TICKET_UPDATED","schema":1,"aggregateId":"01a22076-4ab2-7158-95c0-6cddab4dfd36","version":2,"at":"2026-11-28T04:42:33.635Z","causationId":"01a22076-4d23-7088-95de-d445dde8ca72","correlationId":"01a22076-4d23-7088-95de-d445dde8ca72","payload":{"id":"01a22076-4ab2-7158-95c0-6cddab4dfd36","userId":"01a22076-3625-73dd-9850-fe5e2c20b992","title":"Stalls row 1, 3 together","price":36959,"currency":"usd","status":"locked","eventId":"01a22076-4a3a-7075-9cc5-f232d789e504","section":"Stalls","row":"1","seats":["41","42","43"],"quantity":3,"orderId":"01a22076-4d22-7647-be93-1e02b6e68ad6","buyerId":"01a22076-3c80-73be-a86a-8fd29170258b","lockedUntil":"2026-11-29T04:42:33.635Z","createdAt":"2026-11-28T04:42:33.011Z","updatedAt":"2026-11-28T04:42:33.635Z"}}' AS BLOB));
INSERT INTO event VALUES(5,x'01a220764d2570c68c74781355a8f9c6','orders','ORDER_CREATED',CAST('{"id":"01a22076-4d25-70c6-8c74-781355a8f9c6","type":"ORDER_CREATED","schema":1,"aggregateId":"01a22076-4d22-7647-be93-1e02b6e68ad6","version":1,"at":"2026-11-28T04:42:33.637Z","causationId":"01a22076-4d25-70c6-8c74-781355a8f9c6","correlationId":"01a22076-4d25-70c6-8c74-781355a8f9c6","payload":{"id":"01a22076-4d22-7647-be93-1e02b6e68ad6","userId":"01a22076-3c80-73be-a86a-8fd29170258b","sellerId":"01a22076-3625-73dd-9850-fe5e2c20b992","ticketId":"01a22076-4ab2-7158-95c0-6cddab4dfd36","status":"created","price":36959,"currency":"usd","expiresAt":"2026-11-29T04:42:33.635Z","cancelReason":null,"chargeId":null}}' AS BLOB));
INSERT INTO event VALUES(6,x'01a220764d2570c68c74781355a8f9c7',NULL,'ORDER_EXPIRED',CAST('{"id":"01a22076-4d25-70c6-8c74-781355a8f9c7","type":"ORDER_EXPIRED","schema":1,"aggregateId":"01a22076-4d22-7647-be93-1e02b6e68ad6","version":1,"at":"2026-11-28T04:42:33.635Z","causationId":"01a22076-4d25-70c6-8c74-781355a8f9c7","correlationId":"01a22076-4d25-70c6-8c74-781355a8f9c7","payload":{"orderId":"01a22076-4d22-7647-be93-1e02b6e68ad6","ticket":{"id":"01a22076-4ab2-7158-95c0-6cddab4dfd36","userId":"01a22076-3625-73dd-9850-fe5e2c20b992","title":"Stalls row 1, 3 together","price":36959,"currency":"usd","status":"locked","eventId":"01a22076-4a3a-7075-9cc5-f232d789e504","section":"Stalls","row":"1","seats":["41","42","43"],"quantity":3,"orderId":"01a22076-4d22-7647-be93-1e02b6e68ad6","buyerId":"01a22076-3c80-73be-a86a-8fd29170258b","lockedUntil":"2026-11-29T04:42:33.635Z","createdAt":"2026-11-28T04:42:33.011Z","updatedAt":"2026-11-28T04:42:33.635Z"}}}' AS BLOB));
INSERT INTO event VALUES(7,x'01a220764d2872ceab5b8f147955a3bb','payments','CHARGE_CREATED',CAST('{"id":"01a22076-4d28-72ce-ab5b-8f147955a3bb","type":"CHARGE_CREATED","schema":1,"aggregateId":"01a22076-4d28-72ce-ab5b-8f13f6d0d8aa","version":1,"at":"2026-11-28T04:42:33.640Z","causationId":"01a22076-4d28-72ce-ab5b-8f147955a3bb","correlationId":"01a22076-4d28-72ce-ab5b-8f147955a3bb","payload":{"id":"01a22076-4d28-72ce-ab5b-8f13f6d0d8aa","orderId":"01a22076-4d22-7647-be93-1e02b6e68ad6","userId":"01a22076-3c80-73be-a86a-8fd29170258b","status":"created","amount":36959,"currency":"usd","stripeId":null,"stripeRefundId":null,"failureCode":null,"endsOrder":false}}' AS BLOB));
INSERT INTO event VALUES(8,x'01a220764d3074ad9121141171a49204','orders','ORDER_AWAITING_PAYMENT',CAST('{"id":"01a22076-4d30-74ad-9121-141171a49204","type":"ORDER_AWAITING_PAYMENT","schema":1,"aggregateId":"01a22076-4d22-7647-be93-1e02b6e68ad6","version":2,"at":"2026-11-28T04:42:33.648Z","causationId":"01a22076-4d30-74ad-9121-141171a49204","correlationId":"01a22076-4d30-74ad-9121-141171a49204","payload":{"id":"01a22076-4d22-7647-be93-1e02b6e68ad6","userId":"01a22076-3c80-73be-a86a-8fd29170258b","sellerId":"01a22076-3625-73dd-9850-fe5e2c20b992","ticketId":"01a22076-4ab2-7158-95c0-6cddab4dfd36","status":"awaiting_payment","price":36959,"currency":"usd","expiresAt":"2026-11-29T04:42:33.635Z","cancelReason":null,"chargeId":"01a22076-4d28-72ce-ab5b-8f13f6d0d8aa"}}' AS BLOB));
INSERT INTO event VALUES(9,x'01a220764d327541b93834229fd0666f','payments','CHARGE_COMPLETED',CAST('{"id":"01a22076-4d32-7541-b938-34229fd0666f","type":"CHARGE_COMPLETED","schema":1,"aggregateId":"01a22076-4d28-72ce-ab5b-8f13f6d0d8aa","version":2,"at":"2026-11-28T04:42:33.650Z","causationId":"01a22076-4d32-7541-b938-34229fd0666f","correlationId":"01a22076-4d32-7541-b938-34229fd0666f","payload":{"id":"01a22076-4d28-72ce-ab5b-8f13f6d0d8aa","orderId":"01a22076-4d22-7647-be93-1e02b6e68ad6","userId":"01a22076-3c80-73be-a86a-8fd29170258b","status":"completed","amount":36959,"currency":"usd","stripeId":"pi_01a220764d29778fb4a1a0fe261520ea","stripeRefundId":null,"failureCode":null,"endsOrder":false}}' AS BLOB));
INSERT INTO event VALUES(10,x'01a220764d347500be46f500dac1618b','orders','ORDER_COMPLETED',CAST('{"id":"01a22076-4d34-7500-be46-f500dac1618b","type":"ORDER_COMPLETED","schema":1,"aggregateId":"01a22076-4d22-7647-be93-1e02b6e68ad6","version":3,"at":"2026-11-28T04:42:33.652Z","causationId":"01a22076-4d32-7541-b938-34229fd0666f","correlationId":"01a22076-4d32-7541-b938-34229fd0666f","payload":{"id":"01a22076-4d22-7647-be93-1e02b6e68ad6","userId":"01a22076-3c80-73be-a86a-8fd29170258b","sellerId":"01a22076-3625-73dd-9850-fe5e2c20b992","ticketId":"01a22076-4ab2-7158-95c0-6cddab4dfd36","status":"completed","price":36959,"currency":"usd","expiresAt":"2026-11-29T04:42:33.635Z","cancelReason":null,"chargeId":"01a22076-4d28-72ce-ab5b-8f13f6d0d8aa"}}' AS BLOB));
INSERT INTO event VALUES(11,x'01a220764d3577a7b606918c64d583b4','tickets','TICKET_UPDATED',CAST('{"id":"01a22076-4d35-77a7-b606-918c64d583b4","type":"TICKET_UPDATED","schema":1,"aggregateId":"01a22076-4ab2-7158-95c0-6cddab4dfd36","version":3,"at":"2026-11-28T04:42:33.653Z","causationId":"01a22076-4d34-7500-be46-f500dac1618b","correlationId":"01a22076-4d32-7541-b938-34229fd0666f","payload":{"id":"01a22076-4ab2-7158-95c0-6cddab4dfd36","userId":"01a22076-3625-73dd-9850-fe5e2c20b992","title":"Stalls row 1, 3 together","price":36959,"currency":"usd","status":"sold","eventId":"01a22076-4a3a-7075-9cc5-f232d789e504","section":"Stalls","row":"1","seats":["41","42","43"],"quantity":3,"orderId":"01a22076-4d22-7647-be93-1e02b6e68ad6","buyerId":"01a22076-3c80-73be-a86a-8fd29170258b","lockedUntil":null,"createdAt":"2026-11-28T04:42:33.011Z","updatedAt":"2026-11-28T04:42:33.653Z"}}' AS BLOB));
INSERT INTO consumer VALUES(1,'auth.ended-sessions',11);
INSERT INTO consumer VALUES(2,'tickets.orders',9);
INSERT INTO consumer VALUES(3,'tickets.users',11);
INSERT INTO consumer VALUES(4,'tickets.listings',11);
INSERT INTO consumer VALUES(5,'orders.locks',11);
INSERT INTO consumer VALUES(6,'orders.charges',11);
INSERT INTO consumer VALUES(7,'orders.users',11);
INSERT INTO consumer VALUES(8,'expiration.locks',11);
INSERT INTO consumer VALUES(9,'payments.order-cancelled',11);
INSERT INTO retry VALUES(5,6,2,0);
INSERT INTO probe VALUES(1,3);
INSERT INTO timer VALUES(7,x'01a220764d227647be931e02b6e68ad6',4102444800000,NULL,CAST('{}' AS BLOB));
COMMIT;
