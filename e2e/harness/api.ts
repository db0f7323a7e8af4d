import { request } from 'node:http';

export interface ApiTask {
  ID: string;
  ServiceID: string;
  Slot?: number;
  NodeID: string;
  DesiredState: string;
  Status: { State: string; Err?: string; Message: string; ContainerStatus?: { ContainerID: string; PID: number; ExitCode: number } };
  NetworksAttachments?: { Network: { ID: string }; Addresses: string[] }[];
}

export interface ApiService {
  ID: string;
  Spec: { Name: string };
  Endpoint?: { VirtualIPs?: { NetworkID: string; Addr: string }[] };
}

/** One GET of the manager's HTTP API, as JSON. */
export function getJson<T>(socketPath: string, path: string): Promise<T> {
  return callJson<T>(socketPath, 'GET', path);
}

/** One POST to the manager's HTTP API: what it answers. */
export function postJson<T>(socketPath: string, path: string, body: object): Promise<T> {
  return callJson<T>(socketPath, 'POST', path, JSON.stringify(body));
}

function callJson<T>(socketPath: string, method: string, path: string, sent?: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const headers = sent === undefined ? {} : { 'content-type': 'application/json' };
    const call = request({ socketPath, method, path, headers, timeout: 10_000 }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(body) as T);
        else reject(new Error(`${method} ${path}: ${response.statusCode} ${body}`));
      });
    });
    call.on('timeout', () => call.destroy(new Error(`${method} ${path}: no answer`)));
    call.on('error', reject);
    call.end(sent);
  });
}

/** One HTTP GET on a connection of its own; rejects when there is no answer in time. */
export function httpGet(url: string, timeoutMs = 5_000): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const call = request(url, { agent: false, timeout: timeoutMs }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    call.on('timeout', () => call.destroy(new Error(`GET ${url}: no answer within ${timeoutMs} ms`)));
    call.on('error', reject);
    call.end();
  });
}
