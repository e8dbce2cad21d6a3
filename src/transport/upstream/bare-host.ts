/** The host without the brackets that an IPv6 literal has in a URL. */
export const bareHost = (host: string): string => (host.startsWith('[') ? host.slice(1, -1) : host);
