//! The ledger's leaf: bytes that may never change. `tests/golden/leaf.txt` was computed by another program:
//!
//! ```python
//! def text(t): b = t.encode(); return struct.pack(">I", len(b)) + b
//! event_id = uuid.UUID(bytes=hashlib.sha1(append_id.bytes + struct.pack(">I", n)).digest()[:16], version=5).bytes
//! leaf = (b"motcua.event.1" + event_id + text(stream) + struct.pack(">Q", version) + text(type)
//!         + struct.pack(">qq", occurred_at, recorded_at) + text(metadata) + text(data))
//! ```

use std::collections::HashMap;

use domain::identity::AppendId;
use domain::recorded::{Position, Version};
use infrastructure::clock::Clock;
use infrastructure::event_store::{Append, Expected, NewEvent, StoredRow, instant};
use infrastructure::leaf::leaf;

use crate::support::{Backend, Place, on_each_backend, whole_log};

on_each_backend!(an_event_read_back_has_its_golden_leaf);

struct Golden {
    append_id: AppendId,
    row: StoredRow,
    leaf: String,
}

fn golden() -> Vec<Golden> {
    let text = include_str!("../golden/leaf.txt");
    text.trim_end().split("\n\n").map(parse).collect()
}

fn parse(block: &str) -> Golden {
    let fields: HashMap<&str, &str> =
        block.split('\n').filter_map(|line| line.split_once(": ").or(line.split_once(':'))).collect();
    let number = |name| fields[name].parse().unwrap();
    Golden {
        append_id: AppendId(fields["append id"].parse().unwrap()),
        row: StoredRow {
            position: 0,
            stream: fields["stream"].to_owned(),
            version: number("version"),
            event_id: fields["event id"].parse().unwrap(),
            type_name: fields["type"].to_owned(),
            data: fields["data"].to_owned(),
            metadata: fields["metadata"].to_owned(),
            occurred_at: number("occurred at"),
            recorded_at: number("recorded at"),
        },
        leaf: fields["leaf"].to_owned(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn leaves_have_their_golden_bytes() {
    let golden = golden();
    assert_eq!(golden.len(), 3);
    for golden in golden {
        assert_eq!(hex(&leaf(&golden.row).unwrap()), golden.leaf, "{}", golden.row.stream);
        let elsewhere = StoredRow { position: 7, ..golden.row };
        assert_eq!(hex(&leaf(&elsewhere).unwrap()), golden.leaf, "the position is not in the leaf");
    }
}

/// What a store does to an event between writing and reading leaves no trace in its leaf, on either back end.
async fn an_event_read_back_has_its_golden_leaf(backend: Backend) {
    let golden = golden();
    let [first, second] = &golden[..2] else { unreachable!() };
    let place = Place::new(backend).await;
    let store = place.open_at(Clock::fixed(instant(first.row.recorded_at))).await;
    let appended = store
        .append(Append {
            id: first.append_id,
            stream: first.row.stream.clone(),
            expected: Expected::Exactly(Version(0)),
            events: vec![
                NewEvent { type_name: "dossier.received.v1", data: first.row.data.clone() },
                NewEvent { type_name: "dossier.forwarded.v1", data: second.row.data.clone() },
            ],
            metadata: first.row.metadata.clone(),
            occurred_at: instant(first.row.occurred_at),
        })
        .await
        .unwrap();
    assert_eq!((appended.position, appended.version), (Position(2), Version(2)));
    let leaves: Vec<String> = whole_log(&store).await.iter().map(|row| hex(&leaf(row).unwrap())).collect();
    assert_eq!(leaves, [first.leaf.as_str(), second.leaf.as_str()]);
}
