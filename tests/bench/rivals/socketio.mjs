// Socket.IO with its PostgreSQL adapter; `?queue=` joins the room of that queue.
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/postgres-adapter";
import pg from "pg";
import { Server } from "socket.io";

const pool = new pg.Pool({ connectionString: process.argv[2] });
pool.on("error", (error) => console.error(error));
await pool.query(`
  CREATE TABLE IF NOT EXISTS socket_io_attachments (
    id bigserial UNIQUE, created_at timestamptz DEFAULT now(), payload bytea
  )`);

const server = createServer();
const io = new Server(server, { adapter: createAdapter(pool), transports: ["websocket"] });
io.on("connection", (socket) => {
  const { queue } = socket.handshake.query;
  if (queue !== undefined) socket.join(queue);
});
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => {
  console.log(`ready: http://127.0.0.1:${server.address().port}/`);
});
