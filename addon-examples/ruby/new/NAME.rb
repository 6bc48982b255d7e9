#!/usr/bin/env ruby
# frozen_string_literal: true

# Adds `x-NAME: 1` to each response.
require_relative "sdk/lib/weir/addon"

addon = Weir::Addon.new("NAME", "0.1")

# `event.flow` is the flow as plain values; a Hash that the block returns is what changes.
addon.on("response", fields: ["flow.response.headers"]) do |event|
  headers = event.flow["response"]["headers"]
  { flow: { response: { headers: Weir::Headers.add(headers, "x-NAME", "1") } } }
end

addon.run
