import FlowModel

/// What one sample has that others have not. The plain ones differ in what filters ask for.
struct SampleTraits: Sendable {
    var method: ByteString = "GET"
    var scheme: ByteString = "http"
    var host = "example.com"
    var path: ByteString = "/index.html?q=1"
    /// Stands in a header of its own in request and response.
    var value: ByteString = "plain"
    var requestType: ByteString = "application/x-www-form-urlencoded"
    var requestBody: ByteString = ""
    var status = 200
    var type: ByteString = "text/html; charset=utf-8"
    var body: ByteString = "<html><head><title>A page</title></head><body><p>Some text.</p></body></html>"
    /// A flow with what is seldom there: no headers, no body, another status.
    var isOdd = false

    /// The header of `value`.
    static let header: ByteString = "X-Check"

    /// Those that are tried for a hook's filter, in order.
    static let plain: [SampleTraits] = {
        var json = SampleTraits(method: "POST", path: "/api/v1/items")
        json.requestType = "application/json"
        json.requestBody = #"{"name":"a","password":"b","items":[1,2.5,null]}"#
        json.type = "application/json"
        json.body = #"{"id":1,"name":"a","token":"c"}"#
        var secure = SampleTraits(scheme: "https", host: "www.example.org")
        secure.path = "/"
        var events = SampleTraits(method: "POST", scheme: "https", host: "api.openai.com", path: "/v1/chat/completions")
        events.requestType = "application/json"
        events.requestBody = #"{"model":"m","stream":true,"messages":[{"role":"user","content":"Hello"}]}"#
        events.type = "text/event-stream"
        events.body = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\ndata: [DONE]\n\n"
        var script = SampleTraits(host: "ads.example.net", path: "/tracker.js")
        script.type = "text/javascript"
        script.body = "console.log(1)"
        var image = SampleTraits(path: "/image.png")
        image.type = "image/png"
        image.body = ByteString([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0x00, 0xFF])
        var missing = SampleTraits(path: "/missing")
        missing.status = 404
        missing.type = "text/plain"
        missing.body = "not found"
        var put = SampleTraits(method: "PUT", host: "localhost", path: "/put")
        put.requestBody = "a=1&b=2"
        var failed = SampleTraits(host: "127.0.0.1", path: "/error")
        failed.status = 503
        return [SampleTraits(), json, secure, events, script, image, missing, put, failed]
    }()

    static let odd: SampleTraits = {
        var odd = SampleTraits(method: "OPTIONS", scheme: "https", host: "2001:db8::1", path: "*")
        odd.status = 999
        odd.isOdd = true
        return odd
    }()

    func with(_ change: (inout SampleTraits) -> Void) -> SampleTraits {
        var traits = self
        change(&traits)
        return traits
    }
}
