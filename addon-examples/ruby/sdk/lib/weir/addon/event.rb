# frozen_string_literal: true

module Weir
  # What a handler is given: one event, in the plain values of the protocol.
  class Event
    attr_reader :name, :id, :params, :streaming

    def initialize(addon, name, id, params)
      @addon, @name, @id, @params = addon, name, id, params || {}
      @lock = Mutex.new
    end

    def flow = @params["flow"]

    # 1, or 2 when a process died over the same event.
    def attempt = @params["attempt"] || 1

    # Whether the core has withdrawn the event. A handler that waits then is interrupted with Cancelled.
    def cancelled? = @cancelled ? true : false

    # Moves the deadline to so many milliseconds from now.
    def extend_deadline(milliseconds) = @addon.notify("event.extend", id: @id, ms: milliseconds)

    # The message that the event is about: the request until there is a response. Nil where there is none.
    def message = flow && flow[Event.part(@name)]

    def self.part(hook) = hook.start_with?("request") ? "request" : "response"

    # The body as octets, read part by part where it was too long for the line (permission `body.read`); nil where there is none, or it is not here.
    def body
      content = message&.fetch("content", nil)
      return Weir.bytes_of(content) if !content.is_a?(Hash) || content.key?("b64")
      return Weir.bytes_of(content["preview"]) unless content.key?("ref")
      whole = "".b
      until whole.bytesize >= content["size"]
        part = @addon.call("body.read", ref: content["ref"], offset: whole.bytesize)["data"]
        whole << Weir.bytes_of(part)
      end
      whole
    end

    # Has the block deal with the body as a Stream, in a thread of its own, once the event is answered. Of a preview it asks for the rest.
    def stream(&block)
      raise ArgumentError, "#{@name} has no stream: it needs content: :stream or a preview, and a body" unless stream_number
      @streaming = block
      nil
    end

    def stream_number = shown("stream")

    def preview? = !shown("preview").nil?

    # Runs a handler, which `cancel` may interrupt where it waits. Raises Cancelled if that has happened.
    def run(&handler)
      @lock.synchronize { @thread = Thread.current }
      result = Thread.handle_interrupt(Cancelled => :on_blocking, &handler)
      raise Cancelled if @cancelled
      result
    ensure
      @lock.synchronize { @thread = nil }
      settle
    end

    def cancel
      @lock.synchronize do
        @cancelled = true
        @thread&.raise(Cancelled)
      end
    end

    private

    # A member of the content where that stands for more than is here.
    def shown(member)
      content = message&.fetch("content", nil)
      content[member] if content.is_a?(Hash)
    end

    # An interruption that came too late is not the next event's.
    def settle
      Thread.handle_interrupt(Cancelled => :immediate) { Thread.pass } if Thread.pending_interrupt?(Cancelled)
    rescue Cancelled
      nil
    end
  end
end
