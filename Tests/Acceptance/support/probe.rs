//! A worker for the tests of the library for Rust: what it does is said by its argument and by a request's path; see probe_cases.py.

use std::sync::Mutex;
use std::time::Duration;
use weir::{kill, object, patch, respond, Addon, Answer, Event, Failure, Headers, Refusal, Stream, Value};

static RELEASED: Mutex<bool> = Mutex::new(false);

fn plain(addon: &mut Addon) {
    for name in ["flow.get", "metrics.add", "flow.comment"] {
        addon.permission(name);
    }
    addon.option(object! {"name" => "probe_number", "type" => "int", "default" => 5, "help" => "A number."});
    addon.option(object! {"name" => "probe_texts", "type" => "sequence of str", "default" => vec!["a", "b"]});
    addon.on("configure", |event| if event.get("options.probe_number").int() < 0 { Err("at least 0".into()) } else { Ok(Value::Null) });
    addon.command(object! {"name" => "probe.add", "help" => "Adds."}, |event| Ok((event.get("args.a").int() + event.get("args.b").int()).into()));
    addon.command(object! {"name" => "probe.fail"}, |_| Err("cannot do that".into()));
    addon.command(object! {"name" => "probe.null"}, |_| Ok(Value::Null));
    for name in ["start", "running", "done"] {
        addon.on(name, move |_| {
            println!("probe saw {name}");
            Ok(Value::Null)
        });
    }
    addon.at_end(|| println!("probe is at its end"));
    addon.on(object! {"name" => "responseheaders", "observe" => true}, |event| {
        event.core.metrics("observed", 1.0, object! {});
        Ok(Value::Null)
    });
    addon.on(object! {"name" => "request", "timeout_ms" => 1000, "filter" => "!~u /unseen"}, request);
}

fn request(event: &Event) -> Answer {
    let mut headers = event.headers("flow.request.headers");
    let id = event.get("flow.id").clone();
    match event.get("flow.request.path").text() {
        "/echo" => return Ok(object! {"flow" => event.flow().clone()}),
        "/headers" => {
            headers.set("x-one", "new");
            headers.set("x-other", "added");
            headers.remove("X-GONE");
            headers.add("x-raw", [0xff]);
            let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
            let all: Vec<String> = headers.all("X-Many").into_iter().map(text).collect();
            let (first, none) = (text(headers.get("x-many").unwrap_or_default()), text(headers.get("x-none").unwrap_or_default()));
            headers.add("x-all", format!("[{}]{first}|{none}|", all.join(" ")));
        }
        "/respond" => return Ok(respond(418, Headers(vec![(b"x-raw".to_vec(), vec![0xff])]), &[0, 255])),
        "/kill" => return Ok(kill()),
        "/fail" => return Err("no database".into()),
        "/panic" => panic!("what now"),
        "/call" => headers.add("x-path", event.core.call("flow.get", object! {"id" => id})?.get("flow.request.path").text()),
        "/refused" => {
            if let Err(failure) = event.core.call("flow.kill", object! {"id" => id}) {
                let refusal = failure.downcast::<Refusal>()?;
                headers.add("x-refused", format!("{} {}", refusal.code, refusal.kind));
            }
        }
        "/extend" => {
            event.extend(Duration::from_secs(5));
            event.wait(Duration::from_millis(1300));
            headers.add("x-done", "1");
        }
        "/held" => {
            while !*RELEASED.lock().map_err(|_| "lost")? {
                if !event.wait(Duration::from_millis(10)) {
                    event.core.log("warn", &format!("probe: withdrawn {}", event.is_cancelled()));
                    return Err("withdrawn".into());
                }
            }
            headers.add("x-held", "1");
        }
        "/release" => *RELEASED.lock().map_err(|_| "lost")? = true,
        "/option" => {
            let texts = event.core.option("probe_texts");
            let texts: Vec<&str> = texts.list().iter().map(Value::text).collect();
            headers.add("x-option", format!("{}[{}]", event.core.option("probe_number").int(), texts.join(" ")));
        }
        "/metrics" => {
            event.core.metrics("probe", 2.0, object! {"kind" => "a"});
            event.core.log("warn", "a line of the probe");
        }
        _ => {}
    }
    Ok(patch("flow.request.headers", headers))
}

fn bodies(addon: &mut Addon) {
    addon.permission("body.read");
    addon.on(object! {"name" => "response", "content" => "whole"}, |event| {
        let mut body = event.content("response")?.unwrap_or_default();
        let mut headers = event.headers("flow.response.headers");
        headers.add("x-size", body.len().to_string());
        let mut result = vec![("headers".to_string(), headers.into())];
        if event.get("flow.request.path").text().starts_with("/turn") {
            body.reverse();
            result.push(("content".to_string(), Value::from_bytes(&body)));
        }
        Ok(patch("flow.response", Value::Object(result)))
    });
}

fn upper(stream: &mut Stream) -> Result<(), Failure> {
    while let Some(piece) = stream.read()? {
        stream.write(&piece.to_ascii_uppercase())?;
    }
    Ok(())
}

fn first(stream: &mut Stream) -> Result<Vec<u8>, Failure> {
    Ok(stream.read()?.unwrap_or_default().to_ascii_uppercase())
}

fn streams(addon: &mut Addon) {
    for name in ["request", "response"] {
        addon.on(object! {"name" => name, "content" => "stream"}, move |event| {
            match (event.get("flow.request.path").text(), name) {
                ("/none", _) => {}
                ("/answered", "request") => {
                    event.body(|stream| {
                        println!("probe: a stream of an answered request");
                        upper(stream)
                    });
                    return Ok(respond(418, Headers::default(), b"own"));
                }
                ("/own", "response") => {
                    event.body(upper);
                    return Ok(patch("flow.response.content", "own"));
                }
                ("/trailers", _) => event.body(|stream| {
                    upper(stream)?;
                    let mut sum = stream.trailers().unwrap_or_default().get("x-sum").unwrap_or_default().to_vec();
                    sum.push(b'!');
                    stream.set_trailers(Some(Headers(vec![(b"x-sum".to_vec(), sum)])));
                    Ok(())
                }),
                ("/early", "response") => event.body(|stream| {
                    first(stream)?;
                    stream.write(b"enough")
                }),
                ("/detach", _) => event.body(|stream| {
                    let piece = first(stream)?;
                    stream.write(&piece)?;
                    stream.detach();
                    while let Some(piece) = stream.read()? {
                        stream.write(&piece)?;
                    }
                    println!("probe detached: {}", stream.is_detached());
                    Ok(())
                }),
                ("/error", "response") => event.body(|stream| {
                    let piece = first(stream)?;
                    stream.write(&piece)?;
                    Err("no more memory".into())
                }),
                ("/panic", "response") => event.body(|_| panic!("in a stream")),
                ("/left", "response") => event.body(|stream| {
                    let made = upper(stream);
                    println!("probe: {made:?}");
                    made
                }),
                _ => event.body(upper),
            }
            Ok(Value::Null)
        });
    }
}

fn previews(addon: &mut Addon) {
    addon.on(object! {"name" => "response", "content" => object! {"preview" => 4}}, |event| {
        Ok(match event.get("flow.response.content.preview").text() {
            "" => {
                let body = [&b"whole: "[..], &event.content("response")?.unwrap_or_default()].concat();
                patch("flow.response.content", Value::from_bytes(&body))
            }
            "whol" => object! {"more" => "whole"},
            "flow" => {
                event.body(upper);
                object! {"more" => "stream"}
            }
            _ => Value::Null,
        })
    });
}

fn main() -> Result<(), Failure> {
    let mut addon = Addon::new("probe", "1");
    match &std::env::args().nth(1).unwrap_or_default()[..] {
        "plain" => plain(&mut addon),
        "bodies" => bodies(&mut addon),
        "streams" => streams(&mut addon),
        _ => previews(&mut addon),
    }
    addon.run()
}
