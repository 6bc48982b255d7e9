# frozen_string_literal: true

require "json"
require "socket"

module Weir
  # The connection to the core: lines of JSON in, lines of JSON out.
  class Link
    # The longest line that is read, without its LF; it is what the handshake says.
    MAX_LINE = 16 << 20

    # The connection that the environment names, else standard input and output. Prints go to standard error then.
    def self.open(env = ENV)
      $stdout.sync = true
      if (number = env.delete("WEIR_ADDON_FD"))
        socket = UNIXSocket.for_fd(Integer(number, 10))
        socket.close_on_exec = true
        return new(socket)
      end
      return new(UNIXSocket.new(env["WEIR_ADDON_SOCKET"])) if env["WEIR_ADDON_SOCKET"]
      link = new($stdin.dup, $stdout.dup)
      $stdin.reopen(File::NULL)
      $stdout.reopen($stderr)
      link
    end

    def initialize(input, output = input)
      @input, @output, @lock = input.binmode, output.binmode, Mutex.new
      @output.sync = true
    end

    # The next message, or nil at the end of the connection. Raises what cannot be read.
    def read
      line = @input.gets("\n", MAX_LINE + 1) or return
      unless line.end_with?("\n")
        raise IOError, "weir: a line of more than #{MAX_LINE} bytes" if line.bytesize > MAX_LINE
        return
      end
      JSON.parse(line.force_encoding(Encoding::UTF_8), max_nesting: 100)
    rescue Errno::ECONNRESET
      nil
    end

    # Writes one line in one piece, also where its thread is interrupted. What comes after the end is lost.
    def write(message)
      line = JSON.generate({ jsonrpc: "2.0", **message }) << "\n"
      Thread.handle_interrupt(Cancelled => :never) { @lock.synchronize { put(line) } }
    rescue Errno::EPIPE, Errno::ECONNRESET
      nil
    end

    private

    # Where there is room, which is nearly always, without giving way to other threads.
    def put(line)
      sent = @output.write_nonblock(line, exception: false)
      return if sent == line.bytesize
      @output.write(sent == :wait_writable ? line : line.byteslice(sent..))
    end
  end
end
