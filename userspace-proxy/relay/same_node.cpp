#include "relay/same_node.h"

#include <string>
#include <utility>
#include <vector>

#include "io/pipe.h"
#include "relay/judged.h"

namespace sluice::relay {
namespace {

struct Served {
  Context& context;
  Entrance entrance;
  ClientAddr source;
  OrigDst dialled;
  std::vector<std::string> identities;  // of the client; empty: it has none
  std::unique_ptr<io::Stream> stream;
};

io::Task<void> judge(Connection* connection, io::Stream* stream, OrigDst dialled, Error* end) {
  *end = co_await serve_judged(*connection, *stream, dialled, {});
}

io::Task<void> serve(Served served) {
  Connection connection(served.context, served.entrance, served.source);
  Record& record = connection.record();
  const policy::Table& table = connection.table();
  record.destination(served.dialled);
  record.transport(Transport::same_node);
  record.table(table.content_hash());
  record.service(table.inbound(served.entrance.workload, served.dialled).section);
  if (const auto* self = connection.image(); self != nullptr) record.workload_name(self->name);
  if (!served.identities.empty()) {
    connection.peer = JudgedPeer(served.identities, {});
    connection.rests_on(served.identities);
    record.peer(connection.peer.name());
  }
  Error end{Reason::internal_error, Origin::internal, 0, "serve"};
  connection.scope().spawn(judge(&connection, served.stream.get(), served.dialled, &end));
  co_await connection.scope().join();
  conclude(connection, *served.stream, end);
}

}  // namespace

std::unique_ptr<io::Stream> serve_here(Connection& client, WorkloadId server, const ClientAddr& source,
                                       const OrigDst& dialled) {
  Context& context = client.context();
  io::PipeEnds ends = io::make_pipe(context.ring);
  std::vector<std::string> identities;
  if (client.peer.get() != nullptr) identities = client.image()->identities;
  const Entrance entrance{Direction::inbound, server, 0, nullptr};
  context.same_node.spawn(
      serve(Served{context, entrance, source, dialled, std::move(identities), std::move(ends.server)}));
  return std::move(ends.client);
}

}  // namespace sluice::relay
