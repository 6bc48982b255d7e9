#!/usr/bin/env ruby
# frozen_string_literal: true

# Adds `x-addon: 1` to each request and response. Run: weir --addon addon-examples/ruby/header/header.rb
require_relative "../sdk/lib/weir/addon"

addon = Weir::Addon.new("header-ruby", "1", threads: 1) # nothing here waits
%w[request response].each do |part|
  addon.on(part, fields: ["flow.#{part}.headers"]) do |event|
    { flow: { part => { headers: Weir::Headers.add(event.message["headers"], "x-addon", "1") } } }
  end
end
addon.run
