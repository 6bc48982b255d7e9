import FlowModel
import NIOCore

/// Produces the body that is held in a file, piece by piece as its receiver takes it. Confined to its loop.
///
/// Whoever has the pipe keeps the source: when it is dropped, reading ends.
public final class BodyFileSource: @unchecked Sendable {
    private static let piece = 256 * 1024

    private let file: BodyFile
    private let trailers: Headers?
    private let loop: any EventLoop
    private weak var pipe: BodyPipe?
    private var offset = 0
    private var wantsMore = false
    private var isReading = false

    private init(_ file: BodyFile, trailers: Headers?, on loop: any EventLoop) {
        self.file = file
        self.trailers = trailers
        self.loop = loop
    }

    /// The body as a producer's, with what follows it.
    public static func pipe(_ file: BodyFile, trailers: Headers? = nil, on loop: any EventLoop) -> BodyPipe {
        let source = BodyFileSource(file, trailers: trailers, on: loop)
        let pipe = BodyPipe { source.setReading($0) }
        source.pipe = pipe
        return pipe
    }

    private func setReading(_ reads: Bool) {
        wantsMore = reads
        if reads, !isReading { read() }
    }

    private func read() {
        isReading = true
        BodyStore.offLoop(loop) { [file, offset] in try file.read(at: offset, count: Self.piece) }.whenComplete { result in
            self.isReading = false
            guard let pipe = self.pipe, !pipe.isComplete else { return }
            switch result {
            case .success(let bytes):
                self.offset += bytes.readableBytes
                if bytes.readableBytes > 0 { pipe.received(bytes) }
                if self.offset >= self.file.size {
                    pipe.ended(trailers: self.trailers)
                } else if self.wantsMore, !self.isReading {
                    self.read()
                }
            case .failure(let error):
                pipe.failed(ProxyFailure(error as? BodyFileFailure ?? BodyFileFailure("\(error)")))
            }
        }
    }
}
