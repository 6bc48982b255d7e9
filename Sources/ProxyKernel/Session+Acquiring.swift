import FlowModel

extension Session {
    /// A connection for one exchange: one that is there and has room, or a new one.
    ///
    /// Who comes while one is being made that may be shared waits for it instead of making another.
    /// One that was another client's serves only who can be sent again, should it turn out to be dead: `isRepeatable`.
    public func acquire(_ key: ServerKey, forUpgrade: Bool, onlyNew: Bool, isRepeatable: Bool, waiter: Waiter)
        async throws(ProxyFailure) -> ServerConnection
    {
        let alpnOffers = key.tls ? alpnOffers(forUpgrade: forUpgrade) : []
        let mayBeShared = key.http2 || alpnOffers.contains("h2") && !unshared.contains(key)
        while true {
            if !onlyNew {
                if let server = reuse(key, forUpgrade: forUpgrade, isRepeatable: isRepeatable) { return server }
                if isRepeatable, !forUpgrade, let server = takeOver(key, offersHTTP2: alpnOffers.contains("h2")) { return server }
            }
            guard mayBeShared, !unshared.contains(key), let attempt = attempts[key] else { break }
            try await attempt.wait(as: waiter, on: self)
        }
        guard mayBeShared else { return try await connect(key, alpnOffers: alpnOffers, waiter: waiter) }
        let attempt = ConnectionAttempt()
        attempts[key] = attempt
        do throws(ProxyFailure) {
            let server = try await connect(key, alpnOffers: alpnOffers, waiter: waiter)
            if server.multiplexer == nil { unshared.insert(key) }
            ended(attempt, key, nil)
            return server
        } catch {
            ended(attempt, key, error)
            throw error
        }
    }

    private func ended(_ attempt: ConnectionAttempt, _ key: ServerKey, _ failure: ProxyFailure?) {
        if attempts[key] === attempt { attempts[key] = nil }
        attempt.ended(failure)
    }

    /// What a server is offered in TLS: HTTP/2 if the client knows it, or speaks to us without TLS.
    func alpnOffers(forUpgrade: Bool) -> [ByteString] {
        guard present.http2, !forUpgrade else { return ["http/1.1"] }
        guard ground.clientUsesTLS else { return ["h2", "http/1.1"] }
        return clientRecord.tls.alpnOffers.contains("h2") ? ["h2", "http/1.1"] : ["http/1.1"]
    }
}
