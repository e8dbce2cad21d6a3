import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { ControlError } from '#core/contracts/control-plane.ts';

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  421: 'Misdirected Request',
  428: 'Precondition Required',
  429: 'Too Many Requests',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
};

/** Answers with a problem document (RFC 9457). */
export function sendProblem(reply: FastifyReply, status: number, detail: string): FastifyReply {
  return sendDocument(reply, { status, detail });
}

function sendDocument(
  reply: FastifyReply,
  problem: { readonly status: number; readonly detail: string },
): FastifyReply {
  return reply
    .code(problem.status)
    .header('content-type', 'application/problem+json')
    .serializer(JSON.stringify)
    .send({ type: 'about:blank', title: titles[problem.status] ?? 'Error', ...problem });
}

/** What is thrown becomes a problem; the text of what nobody expected stays inside. */
export function createErrorHandler(onError: (error: unknown) => void) {
  return (error: FastifyError, _request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    if (error instanceof ControlError) {
      const { status, message: detail, members } = error;
      return sendDocument(reply, { ...members, status, detail });
    }
    if (error.validation) {
      const where = error.validationContext ?? 'request';
      const said = error.validation.map(({ instancePath, message, params }) => {
        const extra = params['additionalProperty'];
        return `${where}${instancePath} ${message}${extra === undefined ? '' : `: "${extra}"`}`;
      });
      return sendProblem(reply, 400, said.join('; '));
    }
    const status = error.statusCode ?? 500;
    if (status >= 400 && status < 500) return sendProblem(reply, status, error.message);
    onError(error);
    return sendProblem(reply, 500, 'The admin API has failed; the log of the gateway has the reason.');
  };
}
