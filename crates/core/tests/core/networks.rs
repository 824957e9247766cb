//! Networks as data: shapes, parameters, and what is said of layers that do not fit.

use meuse_core::recipe::network::{Graph, Head, Initial, Loss, Network, NetworkInput};

fn network(toml: &str) -> Network {
    toml::from_str(toml).expect("a network")
}

fn input(shape: &[u32], ids: Option<u32>) -> Vec<NetworkInput> {
    vec![NetworkInput { name: "given".into(), shape: shape.to_vec(), ids }]
}

fn graph(toml: &str, given: &[NetworkInput], outputs: usize, loss: Loss) -> Graph {
    network(toml).graph(given, outputs, loss).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// The problems, one a line.
fn problems(toml: &str, given: &[NetworkInput], outputs: usize) -> String {
    let problems = network(toml).graph(given, outputs, Loss::CrossEntropy).expect_err("problems");
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n") + "\n"
}

const DIGITS: &str = r#"
    layers = [
        { kind = "conv2d", filters = 32, kernel = 3, activation = "relu" },
        { kind = "max_pool2d" },
        { kind = "conv2d", filters = 64, kernel = [3, 3], activation = "relu" },
        { kind = "max_pool2d" },
        { kind = "flatten" },
        { kind = "dense", units = 64, activation = "relu" },
        { kind = "dense", units = 10, activation = "softmax" },
    ]
"#;

#[test]
fn the_table_of_the_digits_network_is_keras_s() {
    let network = network(DIGITS);
    let graph = network.graph(&input(&[1, 28, 28], None), 10, Loss::CrossEntropy).expect("a graph");
    assert_eq!(graph.head, Head::Softmax);
    let expected = "\
layer         kind        output        parameters
given         input       1 × 28 × 28
conv2d_1      conv2d      32 × 26 × 26         320
max_pool2d_1  max_pool2d  32 × 13 × 13
conv2d_2      conv2d      64 × 11 × 11      18,496
max_pool2d_2  max_pool2d  64 × 5 × 5
flatten_1     flatten     1600
dense_1       dense       64               102,464
dense_2       dense       10                   650
121,930 trained parameters; training takes about 211 MiB and the data
";
    let table = graph.summary(&network);
    let (table, last) = table.trim_end().rsplit_once('\n').expect("lines");
    assert_eq!(table, expected.trim_end().rsplit_once('\n').expect("lines").0);
    assert!(last.starts_with("121,930 trained parameters; training takes about "), "{last}");
}

#[test]
fn a_text_network_counts_as_keras_does() {
    let layers = r#"layers = [
        { kind = "embedding", size = 100 },
        { kind = "lstm", units = 100 },
        { kind = "dense", units = 1, activation = "sigmoid" },
    ]"#;
    let graph = graph(layers, &input(&[100], Some(10_000)), 1, Loss::BinaryCrossEntropy);
    // Keras: 1,000,000 + 80,400 + 101; its LSTM has one bias, the second of libtorch stays zero.
    assert_eq!((graph.trained(), graph.fixed(), graph.head), (1_080_501, 400, Head::Sigmoid));
    let initial = |name: &str| graph.parameters().find(|one| one.name == name).map(|one| one.initial);
    assert_eq!(initial("embedding_1.weight"), Some(Initial::Uniform(0.05)));
    assert_eq!(initial("lstm_1.weight_hh_l0"), Some(Initial::Orthogonal));
    assert_eq!(initial("lstm_1.bias_ih_l0"), Some(Initial::ForgetGate));
}

#[test]
fn pytorch_s_beginnings_are_another_choice() {
    let layers = r#"initialization = "pytorch"
    layers = [{ kind = "gru", units = 4, bidirectional = true }, { kind = "dense", units = 2 }]"#;
    let graph = graph(layers, &input(&[5, 3], None), 2, Loss::CrossEntropy);
    assert!(graph.parameters().take(8).all(|one| one.trained && one.initial == Initial::Uniform(0.5)));
    assert_eq!(graph.trained(), 2 * (12 * 3 + 12 * 4 + 12 + 12) + 8 * 2 + 2);
}

#[test]
fn a_graph_joins_named_inputs_and_goes_around_layers() {
    let toml = r#"
        inputs = [{ name = "numbers", shape = [4] }, { name = "city", shape = [1], ids = 50 }]
        layers = [
            { kind = "embedding", size = 3, from = ["city"] },
            { kind = "flatten", name = "city_vector" },
            { kind = "concatenate", from = ["numbers", "city_vector"] },
            { kind = "dense", units = 7, activation = "relu", name = "middle" },
            { kind = "dense", units = 7 },
            { kind = "add", from = ["middle", "dense_2"] },
            { kind = "dense", units = 1 },
        ]
    "#;
    let graph = graph(toml, &[], 1, Loss::MeanSquaredError);
    assert_eq!((graph.width(), graph.inputs[1].offset), (5, 4));
    assert_eq!(graph.nodes[2].shape, [7]);
    assert_eq!(graph.head, Head::Linear);
}

#[test]
fn every_kind_of_shape_follows_keras() {
    let cases: &[(&str, &[u32], &[usize])] = &[
        ("{ kind = \"conv2d\", filters = 8, kernel = 3, stride = 2, padding = \"same\" }", &[3, 7, 8], &[8, 4, 4]),
        ("{ kind = \"conv2d\", filters = 8, kernel = 3, stride = 2, padding = \"half\" }", &[3, 7, 8], &[8, 4, 4]),
        ("{ kind = \"conv2d\", filters = 8, kernel = [3, 5], padding = \"valid\" }", &[3, 7, 8], &[8, 5, 4]),
        ("{ kind = \"depthwise_conv2d\", kernel = 3, multiplier = 2 }", &[3, 7, 8], &[6, 5, 6]),
        ("{ kind = \"max_pool2d\", size = 3, stride = 2 }", &[3, 7, 8], &[3, 3, 3]),
        ("{ kind = \"average_pool2d\", size = 2, padding = \"same\" }", &[3, 7, 8], &[3, 4, 4]),
        ("{ kind = \"global_average_pool\" }", &[3, 7, 8], &[3]),
        ("{ kind = \"global_max_pool\" }", &[9, 5], &[5]),
        ("{ kind = \"conv1d\", filters = 6, kernel = 3 }", &[9, 5], &[7, 6]),
        ("{ kind = \"max_pool1d\", size = 2 }", &[9, 5], &[4, 5]),
        ("{ kind = \"lstm\", units = 6, return_sequences = true, bidirectional = true }", &[9, 5], &[9, 12]),
        ("{ kind = \"gru\", units = 6 }", &[9, 5], &[6]),
        ("{ kind = \"attention\", heads = 5 }", &[9, 5], &[9, 5]),
        ("{ kind = \"transformer_encoder\", heads = 1, feed_forward = 20 }", &[9, 5], &[9, 5]),
        ("{ kind = \"position_embedding\" }", &[9, 5], &[9, 5]),
        ("{ kind = \"dense\", units = 3 }", &[9, 5], &[9, 3]),
        ("{ kind = \"flatten\" }", &[3, 7, 8], &[168]),
        ("{ kind = \"batch_norm\" }", &[3, 7, 8], &[3, 7, 8]),
        ("{ kind = \"layer_norm\" }", &[9, 5], &[9, 5]),
    ];
    for (layer, given, expected) in cases {
        let layers = format!("layers = [{layer}, {{ kind = \"flatten\" }}, {{ kind = \"dense\", units = 2 }}]");
        let graph = graph(&layers, &input(given, None), 2, Loss::CrossEntropy);
        assert_eq!(graph.nodes[0].shape, *expected, "{layer}");
    }
}

#[test]
fn a_layer_that_does_not_fit_is_named_with_what_it_got_and_wants() {
    let cases: &[(&str, &[u32], Option<u32>, &str)] = &[
        (
            "{ kind = \"conv2d\", filters = 8, kernel = 5 }",
            &[1, 4, 9],
            None,
            "`layers[0]`: `conv2d_1` (conv2d) got 1 × 4 × 9 and wants at least 5 × 5 places for its window",
        ),
        (
            "{ kind = \"dense\", units = 3 }",
            &[1, 4, 9],
            None,
            "`layers[0]`: `dense_1` (dense) got 1 × 4 × 9 and wants a vector or a sequence (put `flatten` or",
        ),
        (
            "{ kind = \"lstm\", units = 3 }, { kind = \"lstm\", units = 3 }",
            &[9, 5],
            None,
            "`layers[1]`: `lstm_2` (lstm) got 3 and wants a sequence (steps × features) (set `return_sequences = true`",
        ),
        (
            "{ kind = \"attention\", heads = 3 }",
            &[9, 5],
            None,
            "`layers[0]`: `attention_1` (attention) got 9 × 5 and wants features that 3 heads divide",
        ),
        (
            "{ kind = \"lstm\", units = 3 }",
            &[9],
            Some(100),
            "`layers[0]`: `lstm_1` (lstm) got 9 ids and wants numbers, not ids (put an embedding before it)",
        ),
        (
            "{ kind = \"embedding\", size = 3 }",
            &[9],
            None,
            "`layers[0]`: `embedding_1` (embedding) got 9 and wants ids, not numbers",
        ),
        (
            "{ kind = \"embedding\", size = 3, vocabulary = 50 }, { kind = \"flatten\" }",
            &[9],
            Some(100),
            "`layers[0].vocabulary`: `embedding_1` (embedding) has 50 vectors, and its input has 100 ids",
        ),
        (
            "{ kind = \"add\", from = [\"given\", \"gievn\"] }",
            &[9],
            None,
            "`layers[0].from[1]`: no input and no layer before this one is called `gievn` (did you mean `given`?)",
        ),
        (
            "{ kind = \"dense\", units = 1000000, name = \"a\" }, { kind = \"dense\", units = 1000000 }",
            &[9],
            None,
            "`layers[1]`: `dense_2` (dense) would have too many parameters",
        ),
        (
            "{ kind = \"dense\", units = 2, name = \"a\" }, { kind = \"dense\", units = 2, from = [\"given\"] }",
            &[9],
            None,
            "`layers[0]`: nothing reads `a`",
        ),
    ];
    for (layers, given, ids, expected) in cases {
        let text = problems(&format!("layers = [{layers}]"), &input(given, *ids), 3);
        assert!(text.contains(expected), "{layers}\n{text}");
    }
}

#[test]
fn the_end_must_fit_the_classes_and_the_loss() {
    let end = |layer: &str| problems(&format!("layers = [{{ kind = \"dense\", {layer} }}]"), &input(&[4], None), 3);
    let wrong = end("units = 4");
    assert!(wrong.contains("the last layer `dense_1` (dense) makes 4, and 3 must come out"), "{wrong}");
    let wrong = end("units = 3, activation = \"sigmoid\"");
    assert!(wrong.contains("activation = \"softmax\" goes with cross_entropy"), "{wrong}");
    assert!(problems("layers = []", &input(&[4], None), 3).contains("the network has no layers"));
    assert!(problems("layers = [{ kind = \"flatten\" }]", &[], 3).contains("the network has no input"));
}

#[test]
fn schedules_are_numbers_of_the_step() {
    use meuse_core::recipe::network::{Cosine, Schedule, StepSchedule, WarmUp};
    let step = Schedule::Step(StepSchedule { epochs: 2, factor: 0.1 });
    assert_eq!([0, 19, 20, 40].map(|at| step.factor(at, 10, 5)), [1.0, 1.0, 0.1, 0.1_f64.powi(2)]);
    let warm = Schedule::WarmUp(WarmUp { steps: 4 });
    assert_eq!([0, 3, 9].map(|at| warm.factor(at, 10, 5)), [0.25, 1.0, 1.0]);
    let cosine = Schedule::Cosine(Cosine { warm_up_steps: 10, end: 0.2 });
    assert_eq!([0, 9, 10, 50].map(|at| cosine.factor(at, 10, 5)), [0.1, 1.0, 1.0, 0.2]);
    assert!((cosine.factor(30, 10, 5) - 0.6).abs() < 1e-12);
    assert_eq!(Schedule::Constant.factor(7, 10, 5), 1.0);
}

/// A frozen or trained backbone and a head.
fn with_backbone(more: &str) -> String {
    format!(
        "layers = [{{ kind = \"backbone\", {more} }}, {{ kind = \"global_average_pool\" }}, {{ kind = \"dense\", units \
         = 3 }}]"
    )
}

#[test]
fn a_backbone_is_many_layers_under_published_names_and_one_line_of_the_table() {
    // Parameters without the classifier, as PyTorch counts them; running means and variances come on top.
    let cases = [
        ("mobilenet_v2", 1280, 2_223_872, "features.18.1.running_var", 19),
        ("resnet50", 2048, 23_508_032, "layer4.2.bn3.running_var", 17),
        ("efficientnet_lite0", 1280, 3_371_008, "_bn1.running_var", 18),
    ];
    for (architecture, channels, count, last, blocks) in cases {
        let toml = with_backbone(&format!("architecture = \"{architecture}\", name = \"eye\""));
        let network = network(&toml);
        let graph = network.graph(&input(&[3, 64, 96], None), 3, Loss::CrossEntropy).expect("a graph");
        let placed = &graph.backbones[0];
        assert_eq!((placed.layer.as_str(), placed.field.as_str()), ("eye", "layers[0]"));
        assert_eq!(graph.nodes[placed.nodes.end - 1].shape, [channels, 2, 3]);
        let published: Vec<_> = placed.published(&graph).collect();
        let trained: usize = published.iter().filter(|(one, _)| one.trained).map(|(one, _)| one.count()).sum();
        assert_eq!(trained, count, "{architecture}");
        assert_eq!(published.last().expect("parameters").1, last);
        let table = graph.summary(&network);
        assert_eq!(table.lines().count(), 6, "{table}");
        let line = table.lines().find(|line| line.starts_with("eye ")).expect("its line");
        assert!(line.contains(architecture) && line.contains(&format!("{channels} × 2 × 3")), "{line}");
        let wrong = with_backbone(&format!("architecture = \"{architecture}\", weights = \"a.pth\", trainable = 40"));
        let said = problems(&wrong, &input(&[3, 64, 64], None), 3);
        assert!(said.contains(&format!("{architecture} has {blocks} blocks, and the last 40")), "{said}");
    }
}

#[test]
fn training_changes_what_the_recipe_says_of_a_backbone() {
    use meuse_core::recipe::network::Learns;
    let graph = |trainable: &str| {
        let toml = with_backbone(&format!("architecture = \"mobilenet_v2\", weights = \"a.pth\"{trainable}"));
        graph(&toml, &input(&[3, 32, 32], None), 3, Loss::CrossEntropy)
    };
    let head = 1280 * 3 + 3;
    let frozen = graph("");
    assert_eq!(frozen.trained(), head);
    assert!(frozen.nodes[..frozen.backbones[0].nodes.end].iter().all(|node| node.learns == Learns::Nothing));
    // The last block is a convolution of 320 × 1280 and its batch norm.
    assert_eq!(graph(", trainable = 1").trained(), head + 320 * 1280 + 2 * 1280);
    assert_eq!(graph(", trainable = \"all\"").trained(), head + 2_223_872);
    let fine = frozen.fine_tuned();
    assert_eq!((fine.trained(), fine.fixed()), (head + 2_223_872, frozen.fixed() - 2_223_872));
    assert!(fine.nodes[..fine.backbones[0].nodes.end].iter().all(|node| node.learns == Learns::Weights));
    assert!(fine.nodes.last().is_some_and(|node| node.learns == Learns::All));
}

#[test]
fn memory_counts_what_a_gradient_goes_through() {
    let memory = |more: &str, trainable: &str| {
        let layer = format!("architecture = \"resnet50\", weights = \"a.pth\", trainable = {trainable}");
        let network = network(&format!("{more}\n{}", with_backbone(&layer)));
        let graph = network.graph(&input(&[3, 224, 224], None), 3, Loss::CrossEntropy).expect("a graph");
        graph.estimated_memory(&network) >> 20
    };
    let (frozen, whole) = (memory("", "\"none\""), memory("", "\"all\""));
    assert!(frozen < 700 && whole > 5000, "{frozen} and {whole} MiB");
    let later = memory("fine_tuning = { epochs = 1 }", "\"none\"");
    // Norms and rectifiers need no memory of their own there.
    assert!(later > 4500 && later < whole, "{later} MiB");
}

#[test]
fn what_a_backbone_cannot_be_is_said() {
    let cases: &[(&str, &[u32], &str)] = &[
        (
            "architecture = \"resnet50\"",
            &[1, 64, 64],
            "`layers[0]`: `backbone_1` (backbone) got 1 × 64 × 64 and wants a picture of 3 channels (red, green, blue)",
        ),
        ("architecture = \"resnet50\"", &[64], "got 64 and wants a picture (channels × height × width)"),
        (
            "architecture = \"resnet50\", trainable = \"none\"",
            &[3, 64, 64],
            "`layers[0].trainable`: resnet50 is frozen without weights, so it would answer noise",
        ),
        (
            "architecture = \"resnet50\", weights = \"../a.pth\"",
            &[3, 64, 64],
            "`layers[0].weights`: `../a.pth` is not the plain name of a file",
        ),
        (
            "architecture = \"resnet50\", weights = \"a.pth\", sha256 = \"abc\"",
            &[3, 64, 64],
            "`layers[0].sha256`: a SHA-256 has 64 hexadecimal digits",
        ),
    ];
    for (layer, given, expected) in cases {
        let said = problems(&with_backbone(layer), &input(given, None), 3);
        assert!(said.contains(expected), "{layer}\n{said}");
    }
    let alone = "fine_tuning = { epochs = 1 }\nlayers = [{ kind = \"dense\", units = 3 }]";
    let said = problems(alone, &input(&[4], None), 3);
    assert!(said.contains("`fine_tuning`: there is no backbone to fine-tune"), "{said}");
}
