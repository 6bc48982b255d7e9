package weir;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.lang.reflect.Constructor;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;

/** The connection: lines as they come, and lines that are written whole. */
final class Link {
    static final int MAX_LINE = 16 << 20;
    private static final int LEAST = 64 << 10;

    private interface Input { int read(byte[] data, int from, int size) throws IOException; }
    private interface Output { void write(byte[] line) throws IOException; }

    /** Threads that write may be interrupted; a channel would be closed by that. */
    final boolean isInterruptible;
    private final Input input;
    private final Output output;
    private byte[] buffer = new byte[LEAST];
    private int start, filled;

    /** Takes the descriptor WEIR_ADDON_FD, else connects to WEIR_ADDON_SOCKET, else takes standard input and output. */
    Link() throws IOException {
        String number = System.getenv("WEIR_ADDON_FD"), path = System.getenv("WEIR_ADDON_SOCKET");
        isInterruptible = number != null || path == null;
        if (isInterruptible) {
            if (number == null) System.setOut(System.err); // Prints stay off the connection.
            FileDescriptor in = number == null ? FileDescriptor.in : descriptor(Integer.parseInt(number));
            input = new FileInputStream(in)::read;
            output = new FileOutputStream(number == null ? FileDescriptor.out : in)::write;
        } else {
            // The streams of java.nio.channels.Channels keep one from writing while another reads.
            SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(path));
            input = (data, from, size) -> channel.read(ByteBuffer.wrap(data, from, size));
            output = line -> {
                for (ByteBuffer rest = ByteBuffer.wrap(line); rest.hasRemaining();) channel.write(rest);
            };
        }
    }

    /** Java has no other way to a socket that is open already: opening /dev/fd/3 works for files and pipes alone. */
    private static FileDescriptor descriptor(int number) throws IOException {
        try {
            Constructor<FileDescriptor> constructor = FileDescriptor.class.getDeclaredConstructor(int.class);
            constructor.setAccessible(true);
            return constructor.newInstance(number);
        } catch (ReflectiveOperationException | RuntimeException problem) {
            throw new IOException("descriptor " + number + " needs 'Add-Opens: java.base/java.io' in the manifest,"
                + " or java --add-opens java.base/java.io=ALL-UNNAMED; 'stdio:COMMAND' does without", problem);
        }
    }

    void send(String message) {
        byte[] line = message.concat("\n").getBytes(StandardCharsets.UTF_8);
        synchronized (output) {
            try {
                output.write(line);
            } catch (IOException gone) {
                // It is lost with the connection, which the reader sees.
            }
        }
    }

    /** The next message; null at the end of the connection. */
    Object read() throws IOException {
        for (int end = start;;) {
            while (end < filled && buffer[end] != '\n') end++;
            if (end < filled) {
                Object message = Json.read(buffer, start, end);
                start = end + 1;
                return message;
            }
            int size = filled - start, room = Math.max(LEAST, size * 2);
            if (size > MAX_LINE) throw new IOException("a line is longer than " + MAX_LINE + " octets");
            if (size == 0 || filled == buffer.length) {
                // A buffer that was needed for a large line goes with it.
                byte[] other = room == buffer.length ? buffer : new byte[room];
                System.arraycopy(buffer, start, other, 0, size);
                buffer = other;
                start = 0;
                end = filled = size;
            }
            int count = input.read(buffer, filled, buffer.length - filled);
            if (count < 0) return null;
            filled += count;
        }
    }
}
