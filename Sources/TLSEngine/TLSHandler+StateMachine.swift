import NIOCore

extension TLSHandler {
    /// What a ``TLSHandler`` does about each event, without doing it.
    ///
    /// States: waiting for the channel, handshaking, established, closed. Established has an open or closed input and output,
    /// which end independently. Rules: the handshake's outcome is reported once; nothing is delivered after close_notify or
    /// after our own close; nothing is written after our close_notify.
    struct StateMachine {
        private enum State {
            case waiting
            case handshaking
            case established(inputOpen: Bool, outputOpen: Bool)
            case closed
        }

        private var state = State.waiting

        var isHandshaking: Bool { if case .handshaking = state { true } else { false } }

        var canRead: Bool { if case .established(true, _) = state { true } else { false } }

        var canWrite: Bool { if case .established(_, true) = state { true } else { false } }

        /// The channel is up. True if the handshake begins now.
        mutating func channelActive() -> Bool {
            guard case .waiting = state else { return false }
            state = .handshaking
            return true
        }

        mutating func handshakeCompleted() {
            if case .handshaking = state { state = .established(inputOpen: true, outputOpen: true) }
        }

        enum OnWrite { case hold, fail }

        func write() -> OnWrite {
            switch state {
            case .waiting, .handshaking: .hold
            case .established(_, let outputOpen): outputOpen ? .hold : .fail
            case .closed: .fail
            }
        }

        enum OnFailure { case reportHandshake, reportError, ignore }

        /// OpenSSL gave up, or there is nothing more to give it.
        mutating func failed() -> OnFailure {
            defer { state = .closed }
            return switch state {
            case .waiting, .handshaking: .reportHandshake
            case .established: .reportError
            case .closed: .ignore
            }
        }

        /// The peer ended its side in TLS.
        mutating func receivedCloseNotify() {
            if case .established(_, let outputOpen) = state { state = .established(inputOpen: false, outputOpen: outputOpen) }
        }

        enum OnInputClosed { case failHandshake, tell, ignore }

        /// The peer ended its side in TCP.
        mutating func channelInputClosed() -> OnInputClosed {
            switch state {
            case .handshaking: return .failHandshake
            case .established(inputOpen: true, let outputOpen):
                state = .established(inputOpen: false, outputOpen: outputOpen)
                return .tell
            // After close_notify the end was or is told without this.
            case .established: return .ignore
            case .waiting, .closed: return .tell
            }
        }

        enum OnClose { case closeNotify, abandonHandshake, pass }

        /// We want to end our side, or everything.
        mutating func close(_ mode: CloseMode) -> OnClose {
            switch (state, mode) {
            case (_, .input): return .pass
            case (.established(let inputOpen, outputOpen: true), _):
                state = mode == .all ? .closed : .established(inputOpen: inputOpen, outputOpen: false)
                return .closeNotify
            case (.waiting, .all), (.handshaking, .all): return .abandonHandshake
            case (_, .all):
                state = .closed
                return .pass
            case (_, .output): return .pass
            }
        }
    }
}
