package weir;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.reflect.Constructor;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** The connection: lines as they come, and lines that are written whole. */
final class Link {
    static final int MAX_LINE = 16 << 20;
    /** Threads that write may be interrupted; a channel would be closed by that. */
    final boolean isInterruptible;
    private final InputStream input;
    private final OutputStream output;
    private byte[] buffer = new byte[64 << 10];
    private int start, filled;

    /** Takes the descriptor of WEIR_ADDON_FD, else connects to WEIR_ADDON_SOCKET, else takes standard input and output. */
    Link() throws IOException {
        String number = System.getenv("WEIR_ADDON_FD"), path = System.getenv("WEIR_ADDON_SOCKET");
        isInterruptible = number != null || path == null;
        if (number == null && path != null) {
            SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(path));
            // Those of java.nio.channels.Channels keep one from writing while another reads.
            input = new InputStream() {
                @Override public int read() { throw new UnsupportedOperationException(); }
                @Override public int read(byte[] data, int from, int size) throws IOException { return channel.read(ByteBuffer.wrap(data, from, size)); }
            };
            output = new OutputStream() {
                @Override public void write(int octet) { throw new UnsupportedOperationException(); }
                @Override public void write(byte[] data, int from, int size) throws IOException {
                    for (ByteBuffer rest = ByteBuffer.wrap(data, from, size); rest.hasRemaining();) channel.write(rest);
                }
            };
            return;
        }
        if (number == null) System.setOut(System.err); // Prints stay off the connection.
        input = new FileInputStream(number == null ? FileDescriptor.in : descriptor(Integer.parseInt(number)));
        output = new FileOutputStream(number == null ? FileDescriptor.out : descriptor(Integer.parseInt(number)));
    }

    /** Java has no other way to a socket that is open already: opening /dev/fd/3 anew works for files and pipes alone. */
    private static FileDescriptor descriptor(int number) throws IOException {
        try {
            Constructor<FileDescriptor> constructor = FileDescriptor.class.getDeclaredConstructor(int.class);
            constructor.setAccessible(true);
            return constructor.newInstance(number);
        } catch (ReflectiveOperationException | RuntimeException problem) {
            throw new IOException("descriptor " + number + " needs 'Add-Opens: java.base/java.io' in the jar's manifest, or java --add-opens"
                + " java.base/java.io=ALL-UNNAMED; 'weir --addon stdio:COMMAND' does without", problem);
        }
    }

    void send(String message) {
        byte[] line = message.concat("\n").getBytes(StandardCharsets.UTF_8);
        synchronized (output) {
            try {
                output.write(line, 0, line.length);
            } catch (IOException gone) {
                // It is lost with the connection, which the reader sees.
            }
        }
    }

    /** The next message; null at the end of the connection. */
    Object read() throws IOException {
        for (int from = start;;) {
            for (; from < filled; from++) {
                if (buffer[from] != '\n') continue;
                Object message = Json.read(buffer, start, from);
                start = from + 1;
                return message;
            }
            if (filled - start > MAX_LINE) throw new IOException("a line is longer than " + MAX_LINE + " octets");
            from -= start;
            int size = filled - start;
            // A buffer that was needed for a large line goes with it.
            int room = size * 2 > buffer.length ? buffer.length * 2 : size < 32 << 10 ? 64 << 10 : buffer.length;
            byte[] other = room == buffer.length ? buffer : new byte[room];
            System.arraycopy(buffer, start, other, 0, size);
            buffer = other;
            start = 0;
            filled = size;
            int count = input.read(buffer, filled, buffer.length - filled);
            if (count < 0) return null;
            filled += count;
        }
    }
}
