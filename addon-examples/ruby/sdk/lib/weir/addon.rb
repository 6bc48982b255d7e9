# frozen_string_literal: true

%w[version values link event stream].each { |part| require_relative "addon/#{part}" }

# Addons for the intercepting proxy Weir: a program declares what it wants to see, and `run` serves it until the connection ends.
module Weir
  class Addon
    # The core's own fields of `initialize`; what it granted in `initialized`; the values of all options.
    attr_reader :core, :granted, :options

    # `threads` is how many handlers run at once; with 1 they run one after the other, in the order of the events.
    def initialize(name, version = nil, threads: 32)
      @name, @version, @threads = name, version, threads
      @hooks, @handlers, @declared, @commands, @permissions = [], {}, [], {}, []
      @core, @granted, @options = {}, {}, {}
      @state = Mutex.new
      @open, @calls, @last = {}, {}, 0
      @streams, @unopened, @credit = {}, {}, 262_144
      @jobs, @running, @urgent = Queue.new, 1, Queue.new
    end

    # Asks for an event; the members are those of the protocol's section 5. The block is given an Event. A Hash that it returns is the result; anything else changes nothing.
    def on(hook, filter: nil, content: nil, decode: nil, fields: nil, observe: nil, timeout_ms: nil, on_failure: nil, idempotent: nil, order: nil, &handler)
      name = hook.to_s
      raise ArgumentError, "#{name} has no block, or two" if !handler || @handlers.key?(name)
      fields |= ["flow.#{Event.part(name)}.content"] if fields && (content.is_a?(Hash) || content&.to_sym == :stream)
      @hooks << { name:, filter:, content:, decode:, fields:, observe:, timeout_ms:, on_failure:, idempotent:, order: }.compact
      @handlers[name] = handler
      self
    end

    # Asks for calls into the core, such as "flow.get".
    def permissions(*names)
      @permissions |= names.map(&:to_s)
      self
    end

    # Declares a setting. `type` is the protocol's: :bool, :int, "optional str", "sequence of str" …; its value is `options[name]`.
    def option(name, type, default: nil, help: nil, choices: nil)
      @declared << { name: name.to_s, type: type.to_s, default:, help:, choices: }.compact
      @options[name.to_s] = default.nil? && type.to_s.start_with?("sequence") ? [] : default
      self
    end

    # Declares a command. The block is given the arguments and the Event; what it returns is the command's result.
    def command(name, help: nil, arguments: nil, result: nil, &handler)
      @commands[name.to_s] = [{ name: name.to_s, help:, arguments:, result: }.compact, handler]
      self
    end

    # What is to be done at the end, once: on `shutdown`, or when the connection ends without it.
    def on_shutdown(&block)
      @cleanup = block
      self
    end

    # Asks the core, and waits for the result. Raises CallError.
    def call(method, **params)
      box = Queue.new
      id = @state.synchronize do
        raise CallError, CallError::GONE if @ended || !@link
        @calls[@last += 1] = box
        @last
      end
      @link.write(id:, method:, params:)
      answer = box.pop || { "error" => CallError::GONE }
      raise CallError, answer["error"] if answer["error"]
      answer["result"]
    ensure
      @state.synchronize { @calls.delete(id) } if id
    end

    def notify(method, **params) = @link.write(method:, params:)

    # Writes a line into the core's log. Levels are debug, info, warn and error.
    def log(level, msg) = notify("log", level:, msg:)

    # Adds to a counter of the core's (permission "metrics.add").
    def metrics(name, value = 1, labels = {}) = notify("metrics.add", metrics: [{ name:, value:, labels: }])

    # Whether the core sends nothing new, and ends this process when what is open has ended.
    def draining? = @draining ? true : false

    # Serves the core until the connection ends.
    def run
      @link = Link.open
      (begun(@urgent) && begun(@jobs)) or abort "#{@name}: there is no room for its threads"
      message = nil
      receive(message) while (message = @link.read)
    rescue JSON::ParserError, IOError => failure
      abort "#{@name}: bad line from the core: #{failure.message}"
    ensure
      finish
    end

    def close_stream(number) = @state.synchronize { @streams.delete(number) }

    def report(failure, place) = warn("#{@name}: #{place}: #{failure.full_message(highlight: false)}")

    private

    # The thread that reads never runs a handler, and never writes.
    def receive(message)
      id, method, params = message.values_at("id", "method", "params")
      case method
      when nil then @state.synchronize { @calls[id] }&.push(message)
      when /\Astream\./ then receive_stream(method, params)
      when "cancel" then @state.synchronize { @open[params["id"]] }&.cancel
      when "initialize" then greet(id, params)
      when "initialized" then @granted = params
      when "drain" then @draining = true
      when "shutdown" then @urgent << -> { clean_up(id) }
      when "ping" then @urgent << -> { @link.write(id:, result: {}) }
      when "command" then begin_event(method, id, params) { |event| command_result(event) }
      else
        if id.nil? then observe(method, params)
        elsif method == "configure" then begin_event(method, id, params) { |event| configure(event) }
        elsif (handler = @handlers[method]) then begin_event(method, id, params) { |event| event_result(event, handler) }
        else @urgent << -> { @link.write(id:, error: { code: -32_601, message: "#{@name} does not know #{method}" }) }
        end
      end
    end

    def greet(id, params)
      @core = params
      @credit = params.dig("limits", "stream_credit") || @credit
      @options = (params["options"] || {}).merge(@options)
      @hooks << { name: "configure" } unless @declared.empty? || @handlers.key?("configure")
      result = { protocol: 1, name: @name, version: @version, hooks: @hooks, limits: { max_line: Link::MAX_LINE } }
      result.update(permissions: @permissions, options: @declared, commands: @commands.values.map(&:first))
      @urgent << -> { @link.write(id:, result: result.compact) }
    end

    # Events

    def begin_event(name, id, params, &work)
      event = Event.new(self, name, id, params)
      @state.synchronize { @open[id] = event }
      @jobs << lambda do
        answer(event, work)
      ensure
        @state.synchronize { @open.delete(id) }
      end
      more_threads
    end

    def answer(event, work)
      @link.write(id: event.id, result: event.run { work.call(event) })
    rescue Cancelled
      nil
    rescue *FAILURES => failure
      report(failure, event.name)
      @link.write(id: event.id, error: { code: -32_000, message: failure.message.scrub[0, 1000] })
    end

    def event_result(event, handler)
      result = handler.call(event)
      result = {} unless result.is_a?(Hash)
      number, block = event.stream_number, event.streaming
      return result unless number
      return block ? open_later(number, block, { "more" => "stream" }.merge(result)) : result if event.preview?
      open_later(number, block || :pass.to_proc, result)
    end

    # A stream begins with the core's first word of it. One that never does, since the answer had content of its own, is forgotten in time.
    def open_later(number, block, result)
      @state.synchronize do
        @unopened[number] = block
        @unopened.shift if @unopened.size > 1024
      end
      result
    end

    def command_result(event)
      _, handler = @commands.fetch(event.params["name"])
      handler.call(event.params["args"], event)
    end

    # The new values hold unless the handler raises.
    def configure(event)
      before, @options = @options, event.params["options"]
      result = @handlers["configure"]&.call(event)
      result.is_a?(Hash) ? result : {}
    rescue Exception # rubocop:disable Lint/RescueException
      @options = before
      raise
    end

    # Observers that do not keep up lose events, as the core's queue for them would.
    def observe(method, params)
      handler = @handlers[method] or return
      return if @jobs.size >= 1000
      @jobs << lambda do
        handler.call(Event.new(self, method, nil, params))
      rescue *FAILURES => failure
        report(failure, method)
      end
      more_threads
    end

    def receive_stream(method, params)
      number = params["s"]
      stream = @state.synchronize do
        @streams[number] || (@unopened.key?(number) && open_stream(number, @unopened.delete(number), method))
      end
      return unless stream
      stream.receive(method, params)
      close_stream(number) if method == "stream.reset"
    end

    def open_stream(number, block, method)
      return if method == "stream.reset"
      stream = @streams[number] = Stream.new(self, number, @credit)
      # A thread of its own, which ends with its one job; where there is no room, one of those that handle events.
      job = Queue.new << -> { stream.run(block) }
      @jobs << job.pop unless begun(job.close)
      stream
    end

    # Threads

    # There are as many threads as there was ever work for at a time, and as a cage allows.
    def more_threads
      return if @running >= @threads || @jobs.num_waiting >= @jobs.size
      begun(@jobs) && @running += 1
    end

    # Begins a thread that does these jobs; false if there is no room for it.
    def begun(jobs)
      Thread.new do
        Thread.handle_interrupt(Cancelled => :never) { jobs.pop.call until jobs.closed? && jobs.empty? }
      end.abort_on_exception = true
    rescue ThreadError
      false
    end

    # The end

    def clean_up(id = nil)
      block, @cleanup = @cleanup, nil
      block&.call
      @link.write(id:, result: {}) if id
    rescue *FAILURES => failure
      report(failure, "shutdown")
      @link.write(id:, error: { code: -32_000, message: failure.message.scrub }) if id
    end

    def finish
      calls, streams = @state.synchronize do
        @ended = true
        [@calls.values, @streams.values]
      end
      calls.each(&:close)
      streams.each { |stream| stream.receive("stream.reset", "why" => "gone") }
      clean_up
    end
  end
end
