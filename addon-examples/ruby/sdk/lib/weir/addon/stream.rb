# frozen_string_literal: true

module Weir
  # A body on its way: `each` gives the original's pieces as they come, `<<` sends what takes their place. Neither side holds more than the credit.
  class Stream
    include Enumerable

    # The original's trailers, once `each` is through: a list of headers, or nil.
    attr_reader :trailers

    def initialize(addon, number, credit)
      @addon, @number, @credit, @room = addon, number, credit, credit
      @pieces, @owed = [], 0
      @lock, @changed = Mutex.new, ConditionVariable.new
    end

    # Every piece (a binary String) to the original's end; what the block has dealt with is given back to the core.
    def each
      return enum_for unless block_given?
      while (piece = take)
        yield piece
        @owed += piece.bytesize
      end
      self
    end

    # Sends octets, in pieces of at most half the credit, and waits for room. Returns the stream.
    def <<(bytes)
      bytes = bytes.b
      sent = 0
      while sent < bytes.bytesize
        size = room([bytes.bytesize - sent, @credit / 2].min)
        say("stream.data", data: Weir.value_of(bytes.byteslice(sent, size)))
        sent += size
      end
      self
    end

    # The end of what is sent, which comes by itself behind the block; the rest of the original is thrown away. Without `trailers` those of the original stay.
    def close(**trailers) = finish(**trailers)

    # Breaks the body off.
    def fail(message) = finish(status: "error", message: message)

    # Asks for no more: `each` gives what is under way, and behind the end of this stream the rest passes untouched.
    def detach = say("stream.detach")

    # Lets all that is left pass as it is.
    def pass
      detach
      each { |piece| self << piece }
    end

    # A sign of life, for a block that takes longer than the hook's `timeout_ms` over a piece.
    def alive = say("stream.credit", bytes: 0)

    # What the core says, from the thread that reads.
    def receive(method, params)
      @lock.synchronize do
        case method
        when "stream.data" then @pieces << Weir.bytes_of(params["data"])
        when "stream.credit" then @room += params["bytes"]
        when "stream.end" then @ended, @trailers = true, params["trailers"]
        when "stream.reset" then @reset = params["why"] || "reset"
        end
        @changed.broadcast
      end
    end

    # Runs the block and ends the stream, however the block has ended.
    def run(block)
      block.call(self)
      finish
    rescue StreamReset
      nil
    rescue *FAILURES => failure
      @addon.report(failure, "stream #{@number}")
      self.fail(failure.message.scrub)
    end

    private

    # The next piece, or nil at the end. Credit is given back in large parts, and before it has to wait.
    def take
      owed = nil
      piece = @lock.synchronize do
        owed, @owed = @owed, 0 if !@ended && @owed.positive? && (@pieces.empty? || @owed >= @credit / 8)
        @pieces.shift unless owed
      end
      return piece if piece || @finished
      say("stream.credit", bytes: owed) if owed
      @lock.synchronize do
        @changed.wait(@lock) while @pieces.empty? && !@ended && !@reset
        raise StreamReset, @reset if @reset
        @pieces.shift
      end
    end

    # Takes up to `wanted` bytes of room, at least one.
    def room(wanted)
      raise IOError, "the stream is closed" if @finished
      @lock.synchronize do
        @changed.wait(@lock) while @room < 1 && !@reset
        raise StreamReset, @reset if @reset
        [wanted, @room].min.tap { |size| @room -= size }
      end
    end

    def finish(**how)
      return if @finished || @reset
      @finished = true
      say("stream.end", **how)
      @addon.close_stream(@number)
    end

    def say(method, **params) = @addon.notify(method, s: @number, **params)
  end
end
