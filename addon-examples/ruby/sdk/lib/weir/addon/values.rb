# frozen_string_literal: true

# The protocol's values are plain JSON; these functions read and make them.
module Weir
  # What a handler may fail with while the addon goes on.
  FAILURES = [StandardError, ScriptError, NoMemoryError, SystemStackError].freeze

  # The core's refusal of a call: `kind` is the stable word, `path` the place in the state that is to blame, or nil.
  class CallError < StandardError
    attr_reader :code, :kind, :path

    def initialize(error)
      super(error["message"])
      @code = error["code"]
      @kind, @path = (error["data"] || {}).values_at("kind", "path")
    end

    GONE = { "code" => -32_009, "message" => "the connection has ended", "data" => { "kind" => "gone" } }.freeze
  end

  # Raised in a handler that waits when the core has withdrawn its event. No StandardError: a plain `rescue` lets it pass.
  class Cancelled < Exception; end # rubocop:disable Lint/InheritException

  # Raised in a stream's block when the core has ended the stream; `message` is the protocol's word for the reason.
  class StreamReset < StandardError; end

  module_function

  # The octets of a byte string (text, or {"b64" => …}) as a binary String; nil stays nil.
  def bytes_of(value)
    value.is_a?(Hash) ? value["b64"].unpack1("m") : value&.b
  end

  # What stands for these octets on the wire: text where they are UTF-8, else {"b64" => …}.
  def value_of(bytes)
    text = bytes.dup.force_encoding(Encoding::UTF_8)
    text.valid_encoding? ? text : { "b64" => [bytes].pack("m0") }
  end

  # A byte string as a String that is UTF-8 where its octets are, else binary.
  def text_of(value)
    value.is_a?(Hash) ? bytes_of(value) : value
  end

  # The result that answers a request without the server. `headers` are pairs or a Hash.
  def respond(status, headers = [], content = "")
    pairs = headers.map { |name, value| [value_of(name.to_s), value_of(value.to_s)] }
    { "flow" => { "response" => { "status_code" => status, "headers" => pairs, "content" => value_of(content) } } }
  end

  # The result that ends the flow.
  def kill = { "kill" => true }

  # Functions on lists of headers, `[[name, value], …]`: names in any case, order and repetition kept. Those that change do so in place and return the list.
  module Headers
    module_function

    # The first value as a String, or nil.
    def get(headers, name) = get_all(headers, name).first

    def get_all(headers, name)
      headers.filter_map { |pair| Weir.text_of(pair[1]) if named?(pair, name) }
    end

    # Puts the value where the name stood first, or at the end, and removes the others.
    def set(headers, name, value)
      place = headers.index { |pair| named?(pair, name) } || headers.size
      remove(headers, name)
      headers.insert(place, [Weir.value_of(name), Weir.value_of(value)])
    end

    def add(headers, name, value) = headers << [Weir.value_of(name), Weir.value_of(value)]

    def remove(headers, name) = headers.tap { headers.reject! { |pair| named?(pair, name) } }

    def named?(pair, name) = Weir.text_of(pair[0]).casecmp(name) == 0
  end
end
