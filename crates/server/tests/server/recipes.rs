//! A recipe's text and the form beside it.

use serde_json::{Value, json};

use crate::harness::TestServer;

#[tokio::test]
async fn a_text_is_read_and_changed_and_keeps_its_comments() {
    let server = TestServer::start().await;
    let text = "# ours\ntarget = \"bad\" # the class\n[split]\ntest = 0.2\n";
    let read = async |text: &str| {
        let body = json!({ "recipe": text }).to_string();
        server.call("POST", "/api/v1/recipes/read", &body).await.json()
    };
    let reading = read(text).await;
    assert_eq!(reading["document"], json!({ "target": "bad", "split": { "test": 0.2 } }));
    assert!(reading["problems"].as_array().is_some_and(|problems| !problems.is_empty()), "{reading}");
    let mut document = reading["document"].clone();
    document["split"]["test"] = json!(0.3);
    document["seed"] = json!(7);
    let body = json!({ "recipe": text, "document": document }).to_string();
    let edited = server.call("POST", "/api/v1/recipes/edit", &body).await.json();
    let expected = "# ours\ntarget = \"bad\" # the class\nseed = 7\n[split]\ntest = 0.3\n";
    assert_eq!(edited["recipe"], expected);
    assert_eq!(read(expected).await["document"], document);
    assert_eq!(read("a = ").await["document"], Value::Null);

    let broken = json!({ "recipe": "a = ", "document": {} }).to_string();
    let answer = server.call("POST", "/api/v1/recipes/edit", &broken).await;
    assert_eq!((answer.status, answer.json()["error"]["field"].as_str()), (400, Some("recipe")));
    let long = json!({ "recipe": "#".repeat(600_000) }).to_string();
    assert_eq!(server.call("POST", "/api/v1/recipes/read", &long).await.status, 413);
    let unwritable = json!({ "recipe": "", "document": { "drop": [null] } }).to_string();
    let answer = server.call("POST", "/api/v1/recipes/edit", &unwritable).await;
    assert_eq!((answer.status, answer.json()["error"]["field"].as_str()), (400, Some("document.drop[0]")));
}
