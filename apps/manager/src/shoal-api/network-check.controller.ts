import { Controller, Get, Inject, UseGuards } from '@nestjs/common';
import { SwarmGuard } from '../engine-api/swarm-guard.js';
import { checkNetwork, type NetworkCheck } from './network-check.js';
import { NodeNetworks } from './node-networks.js';

@Controller('shoal/v1/network-check')
@UseGuards(SwarmGuard)
export class NetworkCheckController {
  constructor(@Inject(NodeNetworks) private readonly networks: NodeNetworks) {}

  @Get()
  async check(): Promise<NetworkCheck> {
    return checkNetwork(await this.networks.ask(true));
  }
}
