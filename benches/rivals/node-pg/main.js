#!/usr/bin/env node
// Registry's read behind node's own HTTP server and pg.

import cluster from "node:cluster";
import http from "node:http";
import { availableParallelism } from "node:os";
import pg from "pg";

// Registry's own, from whoever starts this.
const text = process.env.STATEMENT;
const path = /^\/api\/v1\/organisations\/([0-9a-f-]{36})\/apis\/([0-9a-f-]{36})$/;

const person = (row, at) => row[at] === null ? null : { id: row[at], name: row[at + 1], jobTitle: row[at + 2] };
const reference = (row, at) => ({ id: row[at], name: row[at + 1] });

// record[] comes as text: {"(1,0,retired)","(1,1,production)"}.
function versions(list) {
  return [...list.matchAll(/\((\d+),(\d+),(\w+)\)/g)].map(([, major, minor, status]) => ({ major: +major, minor: +minor, status }));
}

function api(row) {
  return {
    id: row[1], name: row[2], title: row[3], description: row[4], tags: row[5],
    businessOwner: person(row, 6), technicalOwner: person(row, 9), domain: reference(row, 12), subDomain: reference(row, 14),
    versions: versions(row[16]), version: +row[17], createdAt: row[18], updatedAt: row[19],
  };
}

function serve() {
  const pool = new pg.Pool({ connectionString: process.env.DATABASE_READ_URL, max: 4 });
  pool.on("connect", (client) => client.query("set plan_cache_mode = force_generic_plan"));
  const [host, port] = process.env.LISTEN.split(":");
  http.createServer(async (request, response) => {
    const ids = path.exec(request.url);
    if (!ids) return response.writeHead(request.url === "/readyz" ? 200 : 404).end();
    try {
      const found = await pool.query({ name: "find-api", text, values: [ids[1], ids[2]], rowMode: "array" });
      const row = found.rows[0];
      if (row[0] === "frozen") return response.writeHead(402).end();
      if (row[1] === null) return response.writeHead(404).end();
      const body = JSON.stringify(api(row));
      response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body), etag: `"${row[17]}"` });
      response.end(body);
    } catch (error) {
      console.error(error.message);
      response.writeHead(503).end();
    }
  }).listen(+port, host);
}

if (cluster.isPrimary) {
  for (let n = 0; n < availableParallelism(); n++) cluster.fork();
  process.on("SIGTERM", () => process.exit(0));
} else {
  serve();
}
