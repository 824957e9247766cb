//! Requests that cannot be answered, and how that is said.

use meuse_server::ServeOptions;

use crate::harness::TestServer;

#[tokio::test]
async fn an_unknown_path_is_answered_with_the_nearest() {
    let server = TestServer::start().await;
    let answer = server.call("GET", "/api/v1/model", "").await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.json()["error"]["kind"], "not_found");
    assert_eq!(answer.json()["error"]["hint"], "did you mean `/api/v1/models`?");
}

#[tokio::test]
async fn a_wrong_method_is_answered_with_the_right_ones() {
    let server = TestServer::start().await;
    let answer = server.call("PATCH", "/api/v1/projects", "").await;
    assert_eq!(answer.status, 405);
    let allowed = answer.header("allow").expect("the header Allow");
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
    assert!(answer.message().contains("does not take PATCH"), "{}", answer.body);
}

#[tokio::test]
async fn invalid_json_is_answered_with_its_position() {
    let server = TestServer::start().await;
    let path = "/api/v1/models/credit/predict";
    let cases = [
        ("{\"rows\": [{\"age\": }]}", "rows[0].age: expected value (line 1, column 19)"),
        ("{\"rows\":\n[{\"age\": NaN}]}", "rows[0].age: NaN is not JSON (line 2, column 10)"),
        ("{\"rows\":[{\"age\":1,\"age\":2}]}", "rows[0]: the key `age` comes twice (line 1, column 23)"),
        ("{\"row\":[]}", "row: unknown field `row`, expected `rows` (line 1, column 6)"),
        ("", "body: is empty"),
    ];
    for (body, expected) in cases {
        let answer = server.call("POST", path, body).await;
        assert_eq!((answer.status, answer.message().as_str()), (400, expected), "{body}");
    }
    let infer = server.call("POST", "/v2/models/credit/infer", "{\"inputs\": [}").await;
    assert_eq!(infer.status, 404, "whether the model exists is asked first, and it does not: {}", infer.body);
}

#[tokio::test]
async fn a_model_that_is_not_there_is_not_found_in_each_protocol() {
    let server = TestServer::start().await;
    let rows = "{\"rows\":[{}]}";
    let predict = server.call("POST", "/api/v1/models/credit/predict", rows).await;
    assert_eq!(predict.status, 404);
    assert_eq!(predict.message(), "there is no model `credit`");
    let version = server.call("POST", "/api/v1/models/credit/versions/7/predict", rows).await;
    assert_eq!(version.error_apart_from_id(), predict.error_apart_from_id());
    let infer = server.call("POST", "/v2/models/credit/infer", "{\"inputs\":[]}").await;
    assert_eq!(infer.status, 404);
    assert!(infer.json()["error"].as_str().unwrap().starts_with("there is no model `credit`"), "{}", infer.body);
    assert_eq!(server.call("GET", "/v2/models/credit/ready", "").await.status, 404);
}

#[tokio::test]
async fn what_is_no_name_and_no_version_is_said() {
    let server = TestServer::start().await;
    let name = server.call("POST", "/api/v1/models/Credit/predict", "{\"rows\":[{}]}").await;
    assert_eq!((name.status, name.json()["error"]["field"].as_str()), (400, Some("model")));
    let version = server.call("GET", "/api/v1/models/credit/versions/first", "").await;
    assert_eq!((version.status, version.json()["error"]["field"].as_str()), (400, Some("version")));
}

#[tokio::test]
async fn an_unknown_option_in_a_query_is_answered_with_the_nearest() {
    let server = TestServer::start().await;
    let import = server.call("POST", "/api/v1/datasets/credit/versions?file=a.csv&delimeter=x", "a\n1\n").await;
    assert_eq!((import.status, import.json()["error"]["hint"].as_str()), (400, Some("did you mean `delimiter`?")));
    let audit = server.call("GET", "/api/v1/audit?limits=3", "").await;
    assert_eq!((audit.status, audit.json()["error"]["hint"].as_str()), (400, Some("did you mean `limit`?")));
}

#[tokio::test]
async fn a_body_past_the_limit_is_refused_before_it_is_read() {
    let server = TestServer::with(ServeOptions { max_body_bytes: 100, ..ServeOptions::default() }).await;
    for (path, length) in
        [("/api/v1/models/credit/predict", 101), ("/api/v1/datasets/credit/versions?file=a.csv", 1001)]
    {
        let mut connection = server.connect().await;
        // The whole head and nothing of the body: whoever waited for the body would wait for ever.
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\nexpect: 100-continue\r\n", server.key);
        connection.write(&format!("{head}content-length: {length}\r\n\r\n")).await;
        let answer = connection.answer().await;
        assert_eq!(answer.status, 413, "{path}");
        assert!(answer.message().contains(&format!("limit of {} bytes", length - 1)), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_body_without_a_length_is_counted() {
    let server = TestServer::with(ServeOptions { max_body_bytes: 100, ..ServeOptions::default() }).await;
    let mut connection = server.connect().await;
    let head = format!("POST /api/v1/projects HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\n", server.key);
    let chunk = format!("40\r\n{}\r\n", "x".repeat(64));
    connection.write(&format!("{head}transfer-encoding: chunked\r\n\r\n{chunk}{chunk}")).await;
    assert_eq!(connection.answer().await.status, 413);
}

#[tokio::test]
async fn a_compressed_body_is_refused_in_words() {
    let server = TestServer::start().await;
    let headers = [("x-api-key", server.key.as_str()), ("content-encoding", "gzip")];
    let answer = server.send("POST", "/api/v1/projects", &headers, "x").await;
    assert_eq!(answer.status, 415);
    assert!(answer.message().contains("gzip"), "{}", answer.body);
}

#[tokio::test]
async fn a_decent_request_id_is_kept() {
    let server = TestServer::start().await;
    let answer = server.send("GET", "/healthz", &[("x-request-id", "checkout-7")], "").await;
    assert_eq!((answer.status, answer.header("x-request-id")), (200, Some("checkout-7")));
    let answer = server.send("GET", "/healthz", &[("x-request-id", "a b")], "").await;
    assert_eq!(answer.header("x-request-id").map(str::len), Some(32));
}

#[tokio::test]
async fn both_health_checks_of_open_inference_answer() {
    let server = TestServer::start().await;
    for path in ["/v2/health/live", "/v2/health/ready"] {
        assert_eq!(server.send("GET", path, &[], "").await.status, 200, "{path}");
    }
    let metadata = server.call("GET", "/v2", "").await.json();
    assert_eq!(metadata["name"], "meuse");
}
