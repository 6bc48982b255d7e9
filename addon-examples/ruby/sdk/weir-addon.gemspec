# frozen_string_literal: true

require_relative "lib/weir/addon/version"

Gem::Specification.new do |gem|
  gem.name = "weir-addon"
  gem.version = Weir::VERSION
  gem.summary = "Addons for the intercepting proxy Weir"
  gem.description = "Events of an intercepting proxy as Ruby blocks: headers, bodies, streams, WebSockets, options and commands."
  gem.authors = ["The Weir authors"]
  gem.license = "MIT"
  gem.required_ruby_version = ">= 3.1"
  gem.files = Dir.chdir(__dir__) { Dir["lib/**/*.rb", "README.md"] }
end
