import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import java.util.List;
import java.util.Set;
import org.h2.mvstore.MVStore;

/** mongo-java-server on a file: every write is committed before it is answered, which its own backend does not do. */
final class DurableServer extends H2Backend {
    private static final Set<String> READS =
            Set.of("find", "getmore", "aggregate", "count", "distinct", "hello", "ismaster", "ping", "listcollections");

    /** What the driver asks of a server before it talks to it. */
    private enum Version implements MongoVersion {
        V4_4;

        @Override
        public List<Integer> getVersionArray() {
            return List.of(4, 4, 0);
        }

        @Override
        public int getWireVersion() {
            return 9;
        }
    }

    private final MVStore store;

    private DurableServer(MVStore store) {
        super(store);
        this.store = store;
        version(Version.V4_4);
    }

    @Override
    public Document handleMessage(MongoMessage message) {
        String command = message.getDocument().keySet().iterator().next().toLowerCase();
        if (READS.contains(command)) {
            return super.handleMessage(message);
        }
        synchronized (store) {
            Document answer = super.handleMessage(message);
            store.commit();
            return answer;
        }
    }

    public static void main(String[] arguments) {
        MVStore store = new MVStore.Builder().fileName(arguments[1]).autoCommitDisabled().open();
        MongoServer server = new MongoServer(new DurableServer(store));
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
        server.bind("127.0.0.1", Integer.parseInt(arguments[0]));
    }
}
