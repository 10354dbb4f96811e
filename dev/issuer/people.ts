// The cast of the development issuers. Nobody here has a password: whoever reaches the login page is whom they click.

export interface Person {
  readonly subject: string;
  readonly name: string;
  readonly groups: readonly string[];
  /** What this person is for, shown on the login page. */
  readonly role: string;
}

export const PEOPLE: readonly Person[] = [
  { subject: 'dana', name: 'Dana Ito', groups: ['dba', 'staff'], role: 'owns the databases' },
  { subject: 'omar', name: 'Omar Haddad', groups: ['sre', 'staff'], role: 'on call' },
  {
    subject: 'alice',
    name: 'Alice Moreau',
    groups: ['engineers', 'staff'],
    role: 'writes the shop',
  },
  {
    subject: 'bo',
    name: 'Bo Lindqvist',
    groups: ['fraud-team', 'staff'],
    role: 'investigates fraud',
  },
  { subject: 'eve', name: 'Eve Contractor', groups: [], role: 'is in no group' },
];

export interface Workload {
  readonly clientId: string;
  /** Published here, hence worth nothing outside a development machine. */
  readonly clientSecret: string;
  readonly groups: readonly string[];
}

export const WORKLOADS: readonly Workload[] = [
  { clientId: 'shop-agent', clientSecret: 'development-only-shop-agent', groups: ['agents'] },
  { clientId: 'ci-deploy', clientSecret: 'development-only-ci-deploy', groups: ['ci'] },
];
