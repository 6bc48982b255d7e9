#!/usr/bin/env ruby
# frozen_string_literal: true

# Edits and injects messages of WebSockets: in texts, `cat` becomes `horse`, both ways; what a client sends as `/say TEXT` does not
# reach the server: the client hears `you said TEXT` instead. Run: weir --addon addon-examples/ruby/websocket/websocket.rb
# The words are options: --set websocket_word=dog --set websocket_replacement=cow
require_relative "../sdk/lib/weir/addon"

# The members of a message, which is an array on the wire.
TYPE, FROM_CLIENT, CONTENT, _TIME, DROPPED, INJECTED = *0..5
TEXT = 1

addon = Weir::Addon.new("websocket-ruby", "1")
addon.permissions "inject.websocket"
addon.option :websocket_word, :str, default: "cat", help: "The word that is replaced in text messages."
addon.option :websocket_replacement, :str, default: "horse", help: "What takes its place."
addon.on("configure") do
  raise ArgumentError, "websocket_word must not be empty" if addon.options["websocket_word"].empty?
end

addon.on("websocket_message", fields: ["flow.websocket.messages"]) do |event|
  message = event.flow["websocket"]["messages"].last
  # What was injected has an event, too.
  next if message[TYPE] != TEXT || message[INJECTED]

  if message[FROM_CLIENT] && message[CONTENT].start_with?("/say ")
    said = message[CONTENT].delete_prefix("/say ")
    addon.call("inject.websocket", id: event.flow["id"], to_client: true, content: "you said #{said}")
    message[DROPPED] = true
  else
    message[CONTENT] = message[CONTENT].gsub(addon.options["websocket_word"]) { addon.options["websocket_replacement"] }
  end
  { flow: { websocket: { messages: [message] } } }
end
addon.run
